"""The peer PgQueuer at its best: batches of a hundred, an asyncio worker, asyncpg; one INSERT by a pool.

Not a requirement of ours: `pip install 'pgqueuer==1.6.*' asyncpg` beside the bench, by hand. Without it the
race goes on without this peer, and says so.
"""

import asyncio
import importlib.util
import os
import time
from typing import Any

from redis import Redis

from .rig import Rig

INSTALL = "pip install 'pgqueuer==1.6.*' asyncpg"
COMMAND = ["-m", "bench.pgqueuer_peer", "worker"]
LIMIT_SECONDS = 120.0


def is_there() -> bool:
    """Whether it is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("pgqueuer", "asyncpg"))


def rate(where: Rig, work: str, n: int) -> float:
    """Two workers, n jobs of this entry point; how many a second."""
    with where.workers([COMMAND] * 2, where.database_url):
        return asyncio.run(_race(_url(where.database_url), work, n))


def _url(database_url: str) -> str:
    return database_url.replace("postgresql+psycopg", "postgresql")


async def _race(url: str, work: str, n: int) -> float:
    import asyncpg
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    for start in range(0, n, 1000):
        count = min(1000, n - start)
        await queries.enqueue([work] * count, [None] * count, [0] * count)
    first, at_first = 0.0, 0
    until = time.monotonic() + LIMIT_SECONDS
    while left := await connection.fetchval("SELECT count(*) FROM pgqueuer"):
        if left < n and not first:
            first, at_first = time.monotonic(), left
        if time.monotonic() > until:
            raise SystemExit(f"PgQueuer: {left} jobs left after {LIMIT_SECONDS:g} s")
        await asyncio.sleep(0.01)
    await connection.close()
    return float(at_first / (time.monotonic() - first))


async def _work() -> None:
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    url = _url(os.environ["DATABASE_URL"])
    connection, pool = await asyncpg.connect(url), await asyncpg.create_pool(url, max_size=10)
    queries = Queries(AsyncpgDriver(connection))
    if not await queries.has_table("pgqueuer"):
        try:
            await queries.install()
        except asyncpg.PostgresError:  # the other worker was faster
            await asyncio.sleep(1)
    queue = PgQueuer.from_asyncpg_connection(connection)

    @queue.entrypoint("nothing")
    async def nothing(job: Any) -> None:
        """The no-op."""

    @queue.entrypoint("insert")
    async def insert(job: Any) -> None:
        await pool.execute("INSERT INTO effect (note) VALUES ('x')")

    Redis.from_url(os.environ["REDIS_URL"]).sadd("rq:workers", os.getpid())
    await queue.run(batch_size=100)


if __name__ == "__main__":
    asyncio.run(_work())
