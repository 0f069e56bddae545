"""What every question of the bench needs: a durable PostgreSQL, a Redis, processes that end with us."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from counterfoil import schema
from tests.servers import RedisServer
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Rig:
    """Where the servers of one run are; `folder` is gone at its end."""

    database_url: str
    redis_url: str
    folder: Path

    def sqlite_url(self, name: str) -> str:
        """A migrated SQLite file."""
        url = f"sqlite:///{self.folder / name}.sqlite3"
        schema.upgrade(url)
        return url

    def environment(self, database_url: str, **more: str) -> dict[str, str]:
        """The environment of a process under test."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
        return kept | {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "COUNTERFOIL_APP": "bench.application:tickets",
            "PYTHONPATH": str(ROOT),
            **more,
        }


@contextmanager
def rig() -> Iterator[Rig]:
    """PostgreSQL as it is delivered (fsync and synchronous_commit on) and Redis without durability."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        postgres = PostgresServer(folder / "postgres", durable=True)
        redis = RedisServer(folder / "redis")
        try:
            postgres.start()
            redis.start()
            schema.upgrade(postgres.url)
            with create_engine(postgres.url, poolclass=NullPool).begin() as connection:
                connection.execute(text("CREATE TABLE effect (id BIGSERIAL PRIMARY KEY, note TEXT)"))
            yield Rig(postgres.url, redis.url, folder)
        finally:
            redis.stop()
            postgres.stop()


@contextmanager
def processes(commands: list[list[str]], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run the commands beside us until the block ends; their output goes to `log`."""
    with log.open("ab") as out:
        running = [
            subprocess.Popen(
                [sys.executable, *command], env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
            )
            for command in commands
        ]
        try:
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
