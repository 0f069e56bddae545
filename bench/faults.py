"""The faults of the soak: what is killed, stopped, emptied and cut off, by chance, and mended again."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.crash.stage import children
from tests.servers import RedisServer
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[1]


class Crew:
    """Workers and schedulers; whoever is gone is started again, as a supervisor would."""

    def __init__(self, environment: dict[str, str], folder: Path, workers: int, schedulers: int) -> None:
        self.environment = environment
        self.folder = folder
        self.sorts = ["worker"] * workers + ["scheduler"] * schedulers
        self.processes = [self._start(n) for n in range(len(self.sorts))]

    def _start(self, n: int) -> subprocess.Popen[bytes]:
        queue = ["--queue", "default"] if self.sorts[n] == "worker" else []
        with (self.folder / f"{self.sorts[n]}-{n}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "counterfoil.cli", self.sorts[n], *queue],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def revive(self) -> None:
        """Start again who is gone."""
        for n, process in enumerate(self.processes):
            if process.poll() is not None:
                self.processes[n] = self._start(n)

    def all(self, sort: str) -> list[subprocess.Popen[bytes]]:
        """Those of one sort."""
        return [process for n, process in enumerate(self.processes) if self.sorts[n] == sort]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Gone when this returns, so that it is seen to be."""
        process.kill()
        process.wait(30)

    def stop(self, seconds: float = 60) -> list[int]:
        """TERM to all; their exit codes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(seconds) for process in self.processes]

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        for process in self.processes:
            for pid in (*children(process.pid), process.pid):
                _signal(pid, signal.SIGKILL)


class Faults:
    """One fault at a time; `happened` counts them by name."""

    def __init__(
        self,
        crew: Crew,
        redis: RedisServer,
        postgres: PostgresServer | None,
        engine: Engine,
        chance: random.Random,
    ) -> None:
        self.crew = crew
        self.redis = redis
        self.postgres = postgres
        self.engine = engine
        self.chance = chance
        self.happened: Counter[str] = Counter()
        self.all: list[Callable[[], None]] = [
            self.kill_a_horse,
            self.kill_a_parent,
            self.kill_every_worker,
            self.stop_a_worker_for_longer_than_its_lease,
            self.ask_a_worker_to_stop,
            self.kill_a_scheduler,
            self.stop_a_scheduler_for_longer_than_its_term,
            self.empty_redis,
            self.take_redis_away,
            self.freeze_redis,
        ]
        if postgres is not None:
            self.all += [self.restart_the_database, self.cut_a_connection]

    def strike(self) -> None:
        """One fault, and who died of it is started again."""
        fault = self.chance.choice(self.all)
        fault()
        self.happened[fault.__name__] += 1
        self.crew.revive()

    def kill_a_horse(self) -> None:
        for pid in children(self._some("worker").pid):
            _signal(pid, signal.SIGKILL)

    def kill_a_parent(self) -> None:
        self.crew.kill(self._some("worker"))

    def kill_every_worker(self) -> None:
        for process in self.crew.all("worker"):
            for pid in children(process.pid):
                _signal(pid, signal.SIGKILL)
            self.crew.kill(process)

    def stop_a_worker_for_longer_than_its_lease(self) -> None:
        pid = self._some("worker").pid
        self._pause((*children(pid), pid), 7)

    def ask_a_worker_to_stop(self) -> None:
        self._some("worker").terminate()

    def kill_a_scheduler(self) -> None:
        self.crew.kill(self._some("scheduler"))

    def stop_a_scheduler_for_longer_than_its_term(self) -> None:
        self._pause((self._some("scheduler").pid,), 12)

    def empty_redis(self) -> None:
        with suppress(Exception), Redis.from_url(self.redis.url, socket_timeout=2) as redis:
            redis.flushall()

    def take_redis_away(self) -> None:
        self.redis.kill()
        time.sleep(self.chance.uniform(0.2, 5))
        self.redis.start()

    def freeze_redis(self) -> None:
        self.redis.freeze()
        time.sleep(self.chance.uniform(0.2, 5))
        self.redis.thaw()

    def restart_the_database(self) -> None:
        assert self.postgres is not None
        self.postgres.stop()
        time.sleep(self.chance.uniform(0, 3))
        self.postgres.start()

    def cut_a_connection(self) -> None:
        with suppress(DBAPIError), self.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                    "AND backend_type = 'client backend' ORDER BY random() LIMIT 2"
                )
            )

    def _some(self, sort: str) -> subprocess.Popen[bytes]:
        return self.chance.choice(self.crew.all(sort))

    def _pause(self, pids: tuple[int, ...], seconds: float) -> None:
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
