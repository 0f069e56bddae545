"""A stage for crash tests: a migrated database, a Redis, workers as real processes, marks and gates."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy import select as select_from
from sqlalchemy.orm import Session

from counterfoil import aside, bell, policy, settle
from counterfoil.clock import MOMENT
from counterfoil.settings import read_settings
from counterfoil.tables import Process
from counterfoil.ticket import Ticket
from tests import invariants

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
BEAT_SECONDS = 0.3

# Long is what must not run out on a machine that is busy: a test about its end says so (`SHORT`).
QUICK = {
    "COUNTERFOIL_LEASE_SECONDS": "30",
    "COUNTERFOIL_RENEW_SECONDS": "0.5",
    "COUNTERFOIL_BACKOFF_SECONDS": "0.1",
    "COUNTERFOIL_BACKOFF_LIMIT_SECONDS": "0.2",
    "COUNTERFOIL_GRACE_SECONDS": "60",
}

SHORT = {"COUNTERFOIL_LEASE_SECONDS": "1", "COUNTERFOIL_RENEW_SECONDS": "0.2"}
"""For a lease that is to run out."""


class Worker:
    """`counterfoil worker` as a process, in a process group of its own."""

    def __init__(self, environment: dict[str, str], arguments: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "counterfoil.cli", "worker", *arguments],
                env=environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def horse(self) -> int:
        """The process id of its horse, waited for."""
        return wait_until(lambda: next(iter(children(self.pid)), 0), "a horse")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def text(self) -> str:
        return self.log.read_text()

    def said(self, words: str) -> None:
        """Wait until its log holds these words."""
        wait_until(lambda: words in self.text(), f"{words!r} in the log", story=self.text)

    def end(self) -> None:
        for pid in [*children(self.pid), self.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Stage:
    """Everything that a crash test needs; `check` at its end."""

    def __init__(self, url: str, engine: Engine, redis_url: str, folder: Path) -> None:
        self.url = url
        self.engine = engine
        self.redis_url = redis_url
        self.folder = folder
        self.workers: list[Worker] = []
        for name in ("marks", "gate"):
            os.mkfifo(folder / name)
        # Both ends are held here, so that neither side ever waits for the other to open.
        self._marks = os.open(folder / "marks", os.O_RDWR | os.O_NONBLOCK)
        self._gate = os.open(folder / "gate", os.O_RDWR | os.O_NONBLOCK)
        self._heard = b""
        invariants.install(engine)
        # The test itself acts as the scheduler, with the workers' back-off.
        policy.adopt(read_settings(backoff_seconds=0.1, backoff_limit_seconds=0.2))

    def worker(self, *arguments: str, settings: dict[str, str] | None = None) -> Worker:
        """Start one, and wait until it serves; queue `default` unless told otherwise."""
        environment = {
            **os.environ,
            **QUICK,
            "DATABASE_URL": self.url,
            "REDIS_URL": self.redis_url,
            "COUNTERFOIL_APP": "tests.crash.app:make",
            "CRASH_FOLDER": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONFAULTHANDLER": "1",
            **(settings or {}),
        }
        log = self.folder / f"worker-{len(self.workers)}.log"
        made = Worker(environment, arguments or ("--queue", "default"), log)
        self.workers.append(made)
        wait_until(
            lambda: ": queues " in made.text() or made.process.poll() is not None, "a worker", story=made.text
        )
        return made

    def open(self, view_model: str = "Crash.work", *, ring: bool = True, **params: Any) -> int:
        """A committed ticket; rung for."""
        options = {name: params.pop(name) for name in ("lane", "queue", "max_attempts") if name in params}
        with Session(self.engine) as session:
            ticket = Ticket(view_model=view_model, params=params, **options)
            session.add(ticket)
            session.commit()
            ticket_id, queue = ticket.id, ticket.queue
        if ring:
            self.ring(queue or "default")
        return ticket_id

    def ring(self, queue: str = "default") -> None:
        """What the scheduler's ringer does each beat."""
        with suppress(Exception), Redis.from_url(self.redis_url, socket_timeout=1) as redis:
            redis.delete(bell.bell_key(queue))
            bell.ring(redis, {queue: 0.0})

    def marked(self, start: str, seconds: float = PATIENCE_SECONDS, *, beat: bool = True) -> str:
        """The next mark; fails unless it begins so. Rings while it waits, as a scheduler would, if `beat`."""
        until = time.monotonic() + seconds
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._marks], [], [], BEAT_SECONDS)
            if ready:
                self._heard += os.read(self._marks, 4096)
            elif time.monotonic() > until:
                pytest.fail(f"no mark {start!r} within {seconds} s\n{self.logs()}")
            elif beat:
                self.ring()
        line, _, self._heard = self._heard.partition(b"\n")
        assert line.decode().startswith(start)
        return line.decode()

    def let_go(self, times: int = 1) -> None:
        """Open the gate for so many."""
        os.write(self._gate, b"." * times)

    def row(self, ticket_id: int) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select_from(Ticket.__table__).where(Ticket.id == ticket_id)).one()

    def query(self, sql: str, **binds: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), binds).fetchall())

    def reached(self, ticket_id: int, *states: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """The ticket's row when it is in one of the states; rings while it waits, as a scheduler would."""
        beat = time.monotonic() + BEAT_SECONDS

        def look() -> Any:
            nonlocal beat
            row = self.row(ticket_id)
            if row.state in states:
                return row
            if time.monotonic() >= beat:
                beat = time.monotonic() + BEAT_SECONDS
                self.ring(row.queue)
            return None

        return wait_until(look, f"ticket {ticket_id} in {states}", seconds, lambda: self.story(ticket_id))

    def story(self, ticket_id: int) -> str:
        attempts = self.query("SELECT * FROM counterfoil_attempts WHERE ticket_id = :id", id=ticket_id)
        return f"{self.row(ticket_id)}\n{attempts}\n{self.logs()}"

    def logs(self) -> str:
        return "\n".join(f"== {worker.log.name}\n{worker.text()}" for worker in self.workers)

    def known(self) -> None:
        """What the beat does for tickets that were opened before a worker knew their view model."""
        with self.engine.begin() as connection:
            aside.set_back(connection)
        self.ring()

    def lapse(self) -> list[int]:
        """What the lifeline does at a beat."""
        with self.engine.begin() as connection:
            return settle.lapse(connection)

    def tidy_drains(self) -> None:
        """What the scheduler does an hour later."""
        tidy_drains(self.engine)

    def pass_time(self, seconds: float, always: Callable[[], object]) -> None:
        """Let time pass, looking all the time that something holds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert always(), self.logs()
            time.sleep(0.05)

    def renewed(self, query: str) -> None:
        """Wait until what the query finds is another."""
        before = self.query(query)
        wait_until(lambda: self.query(query) != before, "a renewal", story=self.logs)

    def seen_of_redis(self) -> dict[str, Any]:
        """What the one worker tells about Redis in its row."""
        with self.engine.connect() as connection:
            return connection.execute(select_from(Process.reachable)).scalar_one() or {}

    def check(self, *, at_rest: bool = True, outside: bool = True) -> None:
        """No invariant is violated. Without `outside`: the work did nothing there, as that of a group."""
        file = self.folder / "outside" if outside else None
        found = invariants.violations(self.engine, outside=file, at_rest=at_rest)
        assert not found, "\n".join([*found, self.logs()])

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        os.close(self._marks)
        os.close(self._gate)


def tidy_drains(engine: Engine) -> None:
    """The rows of drains that died with their parent are the scheduler's to remove."""
    with engine.begin() as connection:
        now = MOMENT[connection.dialect.name]
        connection.execute(text(f"DELETE FROM counterfoil_drains WHERE until < {now}"))
        connection.execute(text(f"UPDATE counterfoil_slots SET drain_id = NULL WHERE until < {now}"))


def children(pid: int) -> list[int]:
    """The children of a process."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def gone(pid: int) -> bool:
    """Whether a process is no more (or only its zombie)."""
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def wait_until(
    look: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS, story: Callable[[], str] = str
) -> Any:
    """What `look` finds, as soon as it is something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds} s for {what}\n{story()}")
        time.sleep(0.01)
    return found
