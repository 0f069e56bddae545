"""What every question of the bench needs: a durable PostgreSQL, a Redis, processes that end with us."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from counterfoil import schema
from counterfoil.database import make_engine
from tests.servers import RedisServer
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Rig:
    """Where the servers of one run are; `folder` is gone at its end."""

    database_url: str
    sqlite_url: str
    redis_url: str
    folder: Path

    @property
    def redis(self) -> Redis:
        """A client of the run's Redis."""
        return Redis.from_url(self.redis_url)

    def environment(self, database_url: str, **more: str) -> dict[str, str]:
        """The environment of a process under test."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
        return kept | {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "RQ_REDIS_URL": self.redis_url,
            "COUNTERFOIL_APP": "bench.application:tickets",
            "BENCH_MARKS": str(self.folder / "marks"),
            "PYTHONPATH": str(ROOT),
            **more,
        }

    @contextmanager
    def workers(self, commands: list[list[str]], database_url: str) -> Iterator[None]:
        """Processes on an empty Redis, from when all of them have registered there until the block ends."""
        self.redis.flushdb()
        log = self.folder / "workers.log"
        with processes(commands, self.environment(database_url), log):
            expected = sum("worker" in command for command in commands)
            wait_until(lambda: int(self.redis.scard("rq:workers")) == expected, READY_SECONDS, log)
            yield


@contextmanager
def rig(**postgres_settings: str) -> Iterator[Rig]:
    """PostgreSQL as it is delivered (fsync and synchronous_commit on), SQLite, Redis without durability.

    `postgres_settings`: what the question needs set otherwise, as `shared_buffers` for a large table.
    """
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        postgres = PostgresServer(folder / "postgres", durable=True, **postgres_settings)
        redis = RedisServer(folder / "redis")
        sqlite_url = f"sqlite:///{folder / 'ours'}.sqlite3"
        try:
            postgres.start()
            redis.start()
            for url, key in ((postgres.url, "BIGSERIAL"), (sqlite_url, "INTEGER")):
                schema.upgrade(url)
                with create_engine(url, poolclass=NullPool).begin() as connection:
                    connection.execute(text(f"CREATE TABLE effect (id {key} PRIMARY KEY, note TEXT)"))
            yield Rig(postgres.url, sqlite_url, redis.url, folder)
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


def wait_until(is_so: Callable[[], bool], seconds: float, log: Path, every: float = 0.05) -> None:
    """Look again and again; ends the run with the processes' last words when it does not come true."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"nothing for {seconds:g} s; the processes said:\n{log.read_text()[-2000:]}")
        time.sleep(every)


def know(url: str, *names: str) -> None:
    """Write the application's view models to the tables, as a worker would at its start."""
    known = (
        "INSERT INTO counterfoil_view_models (name, sort, queue) VALUES (:name, 'target', 'bench') "
        "ON CONFLICT DO NOTHING"
    )
    with make_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(known), [{"name": name} for name in names])


def arguments(what: str) -> argparse.ArgumentParser:
    """The options that every question has."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    return parser


def tell(as_json: bool, figures: dict[str, Any], lines: list[str]) -> int:
    """Print the figures, or the lines; with what they were taken on."""
    machine = {
        "cores": os.cpu_count(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
    }
    if as_json:
        print(json.dumps({"machine": machine} | figures, indent=2))
    else:
        print("\n".join(lines))
        print(f"{machine['cores']} cores, load {machine['load']}, Python {machine['python']}")
    return 0
