"""A mixed load on the lanes: openers, workers, operators and a lifeline, as processes of their own.

What is kept is written down by the work itself (`kept`: ticket, fence, lane, from when to when), in the
transaction of its effects; `faults` then reads from it what must never be. `without` takes one protection
out, by its name, so that a test can show that the harness sees what it is there for.
"""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from counterfoil import lanes
from counterfoil.database import make_engine
from counterfoil.declaration import Declaration
from tests.counterfoil.core import know
from tests.race import operators, worker

# Forked from a process that has imported all of it and has neither a thread nor a connection: five processes
# that import what one needs for itself cost more than the load.
APART = multiprocessing.get_context("forkserver")
APART.set_forkserver_preload(
    ["pytest", "psycopg", "tests.race.load", "tests.race.worker", "tests.race.operators"]
)


@dataclass(frozen=True)
class Load:
    """What runs. Times in seconds; `grouped`: the share of openers' transactions whose tickets may share one;
    `isolation` is the hosts', on PostgreSQL; `seed` is printed."""

    url: str
    isolation: str | None = None
    tickets: int = 600
    lanes: int = 50
    queues: tuple[str, ...] = ("left", "right")
    openers: int = 4
    longest_opening: float = 0.2
    rolled_back: float = 0.2
    grouped: float = 0.2
    workers: int = 4
    operators: int = 2
    acts: int = 150
    longest_work: float = 0.01
    late: float = 0.04
    patience: float = 300.0
    without: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Signs:
    """What the processes of a load share: `halt` lets the workers meet at the barrier, twice, once."""

    halt: Any
    stop: Any
    barrier: Any
    told: Any


@dataclass
class Report:
    """What happened: outcomes of the workers, errors of anybody, and what must never be.

    `waiting`: laned tickets at the halt, when one beat had to do. `asked_again`: finished work that was
    thrown away because the database refused the finish.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    opened: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    waiting: int = 0
    asked_again: int = 0
    repaired: int = 0
    seconds: float = 0.0
    left: list[Any] = field(default_factory=list)


def run(load: Load) -> Report:
    """Run a load to its end and look at what it left."""
    engine = make_engine(load.url)
    _prepare(engine, load)
    report = Report()
    began = time.monotonic()
    with _processes(load) as (opening, working, signs):
        opening.join(load.patience)
        assert not opening.is_alive(), "who acts further would leave tickets that are not final"
        signs.halt.set()
        signs.barrier.wait(load.patience)
        _one_beat(engine, report)
        signs.barrier.wait(load.patience)
        _wait_until_quiet(engine, load.patience, working)
        signs.stop.set()
        # Every process tells once; a queue must be read before its writers are joined.
        for _ in (opening, *working):
            _take(report, signs.told.get(timeout=load.patience))
    report.seconds = time.monotonic() - began
    report.faults += faults(engine, report)
    with engine.connect() as connection:
        report.asked_again = connection.execute(text(_ASKED_AGAIN)).scalar_one()
    engine.dispose()
    return report


def _one_beat(engine: Engine, report: Report) -> None:
    """All workers stand still: after one beat nothing may wait without a turn."""
    with engine.begin() as connection:
        report.repaired = lanes.repair(connection)[0]
        report.waiting = connection.execute(
            text("SELECT count(*) FROM counterfoil_tickets WHERE state = 'pending' AND lane IS NOT NULL")
        ).scalar_one()
        if count := connection.execute(text(_WITHOUT_A_TURN)).scalar_one():
            report.faults.append(f"wait without a turn after one beat: {count}")
        connection.execute(
            text("UPDATE counterfoil_tickets SET state = 'pending', turn = NULL WHERE state = 'held'")
        )


def _prepare(engine: Engine, load: Load) -> None:
    stamp = "TIMESTAMPTZ" if engine.dialect.name == "postgresql" else "TEXT"
    serial = "BIGSERIAL" if engine.dialect.name == "postgresql" else "INTEGER"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE TABLE kept (seq {serial} PRIMARY KEY, ticket_id BIGINT, fence TEXT, lane TEXT, "
                f"started {stamp}, ended {stamp})"
            )
        )
    for queue in load.queues:
        for lane in ("lane {root_id}", None):
            name = f"T.{queue}" + ("" if lane else ".free")
            know(engine, Declaration(name=name, sort="target", callables=(), queue=queue, lane=lane,
                                     max_attempts=4))  # fmt: skip
        know(engine, Declaration(name=f"T.{queue}.many", sort="target", callables=(), queue=queue,
                                 max_attempts=4, commit="group"))  # fmt: skip


@contextmanager
def _processes(load: Load) -> Iterator[tuple[Any, list[Any], Signs]]:
    signs = Signs(APART.Event(), APART.Event(), APART.Barrier(load.workers + 1), APART.Queue())
    working = [APART.Process(target=worker.work, args=(load, n, signs)) for n in range(load.workers)]
    opening = APART.Process(target=operators.open_and_act, args=(load, signs.told))
    everyone = (*working, opening)
    for process in everyone:
        process.start()
    try:
        yield opening, working, signs
        for process in everyone:
            process.join(60)
    finally:
        for process in everyone:
            if process.is_alive():
                process.kill()


def _wait_until_quiet(engine: Engine, patience: float, working: list[Any]) -> None:
    until = time.monotonic() + patience
    left = text("SELECT count(*) FROM counterfoil_tickets WHERE state IN ('pending', 'running')")
    while time.monotonic() < until and any(process.is_alive() for process in working):
        with engine.connect() as connection:
            if connection.execute(left).scalar_one() == 0:
                return
        time.sleep(0.1)


def _take(report: Report, told: dict[str, Any]) -> None:
    report.outcomes.update(told.get("outcomes", {}))
    report.acts.update(told.get("acts", {}))
    report.errors.extend(told.get("errors", []))
    report.opened.extend(told.get("opened", []))


_ASKED = {
    "kept work of one lane overlaps": """
        SELECT count(*) FROM (SELECT lane, started, max(ended) OVER (
            PARTITION BY lane ORDER BY started, ended
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM kept WHERE lane IS NOT NULL) o WHERE started < before""",
    "a done ticket was kept by another claim than its last": """
        SELECT count(*) FROM counterfoil_tickets t WHERE state = 'done' AND fence IS DISTINCT FROM
          (SELECT k.fence FROM kept k WHERE k.ticket_id = t.id ORDER BY k.seq DESC LIMIT 1)""",
    "effects differ from done tickets": """
        SELECT count(*) FROM counterfoil_tickets t WHERE (state = 'done') <>
          ((SELECT count(*) FROM kept k WHERE k.ticket_id = t.id) = run + 1)""",
    "a ticket is not final": """
        SELECT count(*) FROM counterfoil_tickets
        WHERE state NOT IN ('done', 'errored', 'expired', 'failed')""",
}
_ASKED_AGAIN = """
    SELECT count(*) FROM counterfoil_attempts
    WHERE outcome = 'postpone' AND error LIKE 'the database asked to try again%'"""
_LEFT = """
    SELECT id, state, turn, aside, lane, queue, priority, due_at, attempts, claims, fence, drain_id
    FROM counterfoil_tickets WHERE state NOT IN ('done', 'errored', 'expired', 'failed')"""
_WITHOUT_A_TURN = """
    SELECT count(*) FROM counterfoil_tickets t WHERE state = 'pending' AND NOT turn AND aside IS NULL
      AND NOT EXISTS (SELECT 1 FROM counterfoil_tickets o WHERE o.lane = t.lane AND o.id <> t.id
        AND (o.state = 'running' OR (o.state = 'pending' AND o.turn AND o.queue = t.queue)))"""


def faults(engine: Engine, report: Report) -> list[str]:
    """What must never be, in words; empty when all is well."""
    found = []
    with engine.connect() as connection:
        for what, sql in _ASKED.items():
            if connection.dialect.name == "sqlite":
                sql = sql.replace("IS DISTINCT FROM", "IS NOT")
            if count := connection.execute(text(sql)).scalar_one():
                found.append(f"{what}: {count}")
        ids = set(connection.execute(text("SELECT id FROM counterfoil_tickets")).scalars())
        report.left = [tuple(row) for row in connection.execute(text(_LEFT))]
    if lost := set(report.opened) - ids:
        found.append(f"committed tickets are not there: {sorted(lost)}")
    if ghosts := ids - set(report.opened):
        found.append(f"rolled back tickets are there: {sorted(ghosts)}")
    return found + report.errors


def rng(load: Load, *who: object) -> random.Random:
    """A source of chance of one actor's own."""
    return random.Random(f"{load.seed} {who}")


def open_some(session: Session, chance: random.Random, load: Load, count: int) -> list[int]:
    """Tickets by plain SQL in the host's transaction: all of one queue that may share a transaction of a
    worker, or each laned four times of five."""
    if chance.random() < load.grouped:
        name = f"T.{chance.choice(load.queues)}.many"
        return [_open(session, {"view_model": name}) for _ in range(count)]
    return [_open(session, _any(chance, load)) for _ in range(count)]


def _any(chance: random.Random, load: Load) -> dict[str, Any]:
    queue = chance.choice(load.queues)
    laned = chance.random() < 0.8
    return {
        "view_model": f"T.{queue}" if laned else f"T.{queue}.free",
        "root_id": f"C!{chance.randrange(load.lanes)}",
        "priority": chance.choice((1, 5, 5, 5, 9)),
    }


def _open(session: Session, given: dict[str, Any]) -> int:
    columns = ", ".join(given)
    values = ", ".join(f":{column}" for column in given)
    return int(
        session.execute(
            text(f"INSERT INTO counterfoil_tickets ({columns}) VALUES ({values}) RETURNING id"), given
        ).scalar_one()
    )
