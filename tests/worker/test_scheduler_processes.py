"""Real schedulers: the leader is stopped and continued (F14), killed, ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from counterfoil import operations
from counterfoil.acts import Actor
from tests.console.tickets.cast import known, ticket

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
MANY = 500  # two chunks and a half: time to kill the one that carries them out
pytestmark = pytest.mark.timeout(300)


def until(true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Schedulers:
    """Processes on one database, each with its log."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.engine.url.render_as_string(hide_password=False),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        with (self.folder / f"log{len(self.processes)}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "counterfoil.cli", "scheduler"],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def leader(self) -> tuple[int, int] | None:
        """Process id and term of the one whose term is not over."""
        now = (
            "clock_timestamp()"
            if self.engine.dialect.name == "postgresql"
            else "strftime('%Y-%m-%d %H:%M:%f')"
        )
        with self.engine.connect() as connection:
            row = connection.execute(
                text(
                    "SELECT w.pid, l.term FROM counterfoil_leader l JOIN counterfoil_workers w "
                    f"ON w.name = l.holder WHERE l.until > {now}"
                )
            ).first()
        return None if row is None else (row.pid, row.term)

    def hurry(self) -> None:
        """All of the present term but its last second has gone by."""
        soon = {
            "postgresql": "clock_timestamp() + interval '1 second'",
            "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 second') || '000'",
        }[self.engine.dialect.name]
        with self.engine.begin() as connection:
            connection.execute(text(f"UPDATE counterfoil_leader SET until = {soon}"))

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)


@pytest.fixture
def schedulers(engine: Engine, tmp_path: Path) -> Iterator[Schedulers]:
    made = Schedulers(engine, tmp_path)
    yield made
    made.end()


def test_a_stopped_leader_is_replaced_after_its_term_and_follows_when_it_goes_on(
    schedulers: Schedulers,
) -> None:
    first = schedulers.start()
    until(lambda: schedulers.leader() == (first.pid, 1))
    second = schedulers.start()
    first.send_signal(signal.SIGSTOP)
    schedulers.hurry()
    until(lambda: schedulers.leader() == (second.pid, 2))
    first.send_signal(signal.SIGCONT)
    until(lambda: "this scheduler follows: another one leads" in (schedulers.folder / "log0").read_text())
    assert schedulers.leader() == (second.pid, 2)
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_SECONDS) == 0
    with schedulers.engine.connect() as connection:
        given_up = text("SELECT until IS NULL OR term = 3 FROM counterfoil_leader")
        assert connection.execute(given_up).scalar_one(), "its term need not run out"
    until(lambda: schedulers.leader() == (first.pid, 3))
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE_SECONDS) == 0
    with schedulers.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM counterfoil_workers")).scalar_one() == 0


def test_a_bulk_acts_scheduler_killed_half_way_is_followed_by_one_that_ends_it_each_ticket_once(
    engine: Engine, schedulers: Schedulers
) -> None:
    """F38."""
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        ids = [ticket(connection, "errored") for _ in range(MANY)]
        by = Actor("ada", "console")
        operation = operations.ask(connection, "expire", by, "a-token-of-the-test", query="tab=errored")
    with engine.begin() as connection:
        assert operations.work(connection)
    with engine.begin() as connection:
        operations.start(connection, operation, by, "bank is up again", len(ids))

    def changed() -> int:
        with engine.connect() as connection:
            count = text("SELECT changed FROM counterfoil_operations WHERE id = :id")
            return int(connection.execute(count, {"id": operation}).scalar_one())

    first = schedulers.start()
    until(changed)
    first.kill()
    first.wait(10)
    assert 0 < changed() < len(ids), "it was killed half-way"
    with engine.begin() as connection:  # its term would end ten seconds later
        connection.execute(text("DELETE FROM counterfoil_leader"))
    schedulers.start()
    until(lambda: changed() == len(ids))
    with engine.connect() as connection:
        acts = connection.execute(
            text(
                "SELECT count(*), count(DISTINCT ticket_id) FROM counterfoil_trail WHERE verb = 'expire' "
                "AND operation_id = :id"
            ),
            {"id": operation},
        ).one()
        expired = text("SELECT count(*) FROM counterfoil_tickets WHERE state = 'expired' AND moves = 1")
        assert tuple(acts) == (MANY, MANY)
        assert connection.execute(expired).scalar_one() == MANY
