"""Each locking statement's plan on a large table: its index, and how little of the table it touches."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, make_url, text

from counterfoil import aside, candidates, claim, lanes, purge, settle
from counterfoil.claimed import Claimed
from counterfoil.database import make_engine
from counterfoil.finish import finish_and_ride, finish_together
from counterfoil.gathering import MOST, Groups
from counterfoil.lease import DrainLease
from counterfoil.registry import Registry
from tests.counterfoil.large_table import BUSY_LANES, LAYOUTS, fill, touched
from tests.servers.databases import fresh_postgresql, fresh_sqlite

ROWS = int(os.environ.get("PLAN_ROWS", "30000"))
"""By hand, PLAN_ROWS=1000000 shows the figures of a large installation."""

DRAIN = DrainLease("d", "default", 1)
ENOUGH = {"postgresql": 700, "sqlite": 25_000}
"""Pages or steps: descents of each index, and what an UPDATE writes. A walk through the table is more."""


def gone(connection: Connection) -> Claimed:
    """A ticket that is not there to be finished."""
    nothing = Claimed._make([None] * len(Claimed._fields))
    return nothing._replace(id=0, fence="f", ctid={"postgresql": "(0,1)"}.get(connection.dialect.name))


def gather(connection: Connection) -> object:
    """The claim of what follows the ticket that is first; fill() has one view model."""
    dialect = connection.dialect.name
    first = connection.execute(
        text(
            "SELECT priority, due_at, view_model FROM counterfoil_tickets "
            f"WHERE id = ({candidates.candidate(dialect, lock=False)})"
        ),
        {"queue": DRAIN.queue},
    ).one()
    groups = Groups(Registry())
    groups.names, groups.size = frozenset((first.view_model,)), MOST
    claimed = gone(connection)._replace(**first._mapping, claims=1)
    return groups.gather(connection, DRAIN, claimed, MOST)


CALLS: dict[str, tuple[Callable[[Connection], object], set[str]]] = {
    "ride": (lambda c: claim.ride(c, DRAIN), {"claim"}),
    "claim": (lambda c: claim.claim(c, DRAIN), {"claim"}),
    "finish and ride": (lambda c: finish_and_ride(c, gone(c), None, DRAIN), set()),
    "gather": (lambda c: gather(c), {"claim"}),
    "finish together": (lambda c: finish_together(c, [gone(c)] * MOST, [None] * MOST), set()),
    "elect": (lambda c: lanes.elect(c, ["lane 0", "lane 999", "no lane"]), {"wait"}),
    "sweep": (lambda c: lanes.sweep(c, "default"), {"claim", "lane"}),
    "runs": (lambda c: lanes.runs(c, "lane 0"), {"lane"}),
    "repair": (lambda c: lanes.repair(c), {"wait", "lane", "turn"}),
    "lapse": (lambda c: settle.lapse(c), {"running"}),
    "expire_due": (lambda c: settle.expire_due(c), {"deadline"}),
    "purge": (lambda c: purge.purge(c), {"purge", "kept"}),
    "due_queues": (lambda c: candidates.due_queues(c), {"claim"}),
    "due_queues ahead": (lambda c: candidates.due_queues(c, 0.05), {"claim"}),
    "has_due": (lambda c: candidates.has_due(c, "default"), {"claim"}),
    "seconds_to_next": (lambda c: candidates.seconds_to_next(c, "default", 0.075), {"claim"}),
    "seconds_to_next_due": (lambda c: candidates.seconds_to_next_due(c), {"unclaimed", "retrying"}),
    "set_aside": (lambda c: aside.set_aside(c), {"aside"}),
    "set_back": (lambda c: aside.set_back(c), {"aside"}),
}


def enough(dialect: str, layout: str, call: str) -> int:
    """Some statements have to do with each of a thousand lanes, or with hundreds of stale turns; a group's
    claim writes a hundred rows and the entries of their indexes."""
    if call == "gather":
        return ENOUGH[dialect] + MOST * {"postgresql": 20, "sqlite": 600}[dialect]
    many = layout in ("busy lanes", "stale turns")
    if many and call in ("repair", "lapse"):
        return ENOUGH[dialect] + BUSY_LANES * {"postgresql": 60, "sqlite": 600}[dialect]
    if layout == "stale turns" and call in ("sweep", "claim"):
        return ENOUGH[dialect] + BUSY_LANES * {"postgresql": 60, "sqlite": 600}[dialect]
    return ENOUGH[dialect]


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def large(database_url: str, layout: str) -> Any:
    engine = make_engine(database_url)
    fill(engine, layout, ROWS)
    yield engine
    engine.dispose()


@pytest.mark.timeout(600)
def test_every_statement_uses_its_index_and_touches_little(large: Engine, layout: str) -> None:
    dialect = large.dialect.name
    wrong = []
    for name, (call, expected) in CALLS.items():
        found = touched(large, call)
        used = {index.removeprefix("counterfoil_tickets_") for one in found for index in one.indexes}
        most = max((one.amount for one in found), default=0)
        print(f"{layout:14} {name:20} {most:>8} {sorted(used)}")
        bad = [what for one in found for what in one.wrong]
        # A planner may answer from an empty index that it knows to be empty; then nothing is touched.
        missing = expected - used if most > 40 and name != "claim" else set()
        if bad or missing or most > enough(dialect, layout, name):
            wrong.append((name, most, bad, missing))
    assert wrong == []


def test_the_measure_sees_an_index_that_tempts_the_planner(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    fill(engine, "one busy lane", ROWS)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE INDEX tempting ON counterfoil_tickets (due_at, id) WHERE state = 'pending'")
        )
    found = touched(engine, CALLS["elect"][0])
    engine.dispose()
    assert max(one.amount for one in found) > ENOUGH["postgresql"]


@pytest.fixture
def small(database_url: str, run_folder: Path, tmp_path: Path, layout: str) -> Iterator[Engine]:
    """A second database of the same server, with few rows of the same layout."""
    with ExitStack() as until_the_end:
        url = (
            fresh_sqlite(run_folder, tmp_path / "small.sqlite3")
            if make_url(database_url).get_backend_name() == "sqlite"
            else until_the_end.enter_context(fresh_postgresql(run_folder, database_url))
        )
        engine = make_engine(url)
        fill(engine, layout, 2000 if layout in ("busy lanes", "stale turns") else 100)
        yield engine
        engine.dispose()


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_claim_and_elect_take_no_longer_behind_a_large_table(
    small: Engine, large: Engine, layout: str
) -> None:
    for engine in (small, large):
        with engine.connect() as connection:
            claim.claim(connection, DRAIN)  # sweeps what stands in front, once
    taken = {name: _by_turns(CALLS[name][0], small, large) for name in ("ride", "claim", "elect", "has_due")}
    print(layout, taken)
    for name, (before, behind) in taken.items():
        # The floor: below it the network and the machine are measured.
        assert behind <= max(1.5 * before, 3.0), (name, before, behind)


def _by_turns(call: Callable[[Connection], object], *engines: Engine) -> list[float]:
    """The least milliseconds of the call on each engine, in transactions that are rolled back.

    By turns, so that a neighbour who takes the processor takes it from both.
    """
    with ExitStack() as until_the_end:
        connections = [until_the_end.enter_context(engine.connect()) for engine in engines]
        return [round(min(times), 2) for times in zip(*_rounds(call, connections), strict=True)]


def _rounds(call: Callable[[Connection], object], connections: list[Connection]) -> Iterator[list[float]]:
    for _ in range(60):
        times = []
        for connection in connections:
            began = time.perf_counter()
            call(connection)
            times.append((time.perf_counter() - began) * 1000)
            connection.rollback()
        yield times


@pytest.mark.alone
def test_behind_998_stale_turns_the_first_claim_takes_less_than_100_ms(database_url: str) -> None:
    engine = make_engine(database_url)
    fill(engine, "stale turns", ROWS)
    with engine.connect() as connection:
        # The claim is measured, not the making of its statements, which a worker does once.
        assert claim.claim(connection, DrainLease(DRAIN.id, "another queue", 1)) is None
        taken = []
        for _ in range(4):
            stale = (
                f"UPDATE counterfoil_tickets SET turn = true WHERE state = 'pending' AND id <= {BUSY_LANES}"
            )
            began = time.perf_counter()
            assert connection.execute(text(stale)).rowcount == BUSY_LANES
            connection.commit()
            written = (time.perf_counter() - began) * 1000
            _tidy(engine)
            began = time.perf_counter()
            claimed = claim.claim(connection, DRAIN)
            taken.append(((time.perf_counter() - began) * 1000, written))
            assert claimed is not None
            assert claimed.lane is None
    engine.dispose()
    print([f"{behind:.0f} ms, written in {written:.0f} ms" for behind, written in taken])
    # The least is the claim's; what is above it is the machine's. Where writing those rows, which the claim
    # does as well, takes most of 100 ms already, the machine is measured.
    assert any(behind < max(100, 3 * written) for behind, written in taken)


def _tidy(engine: Engine) -> None:
    """Take away what the time before left behind: each time is a first time."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE counterfoil_tickets"))
