"""The drain's lease and its slot; and how a claim meets others in a lane, staged with two connections."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from counterfoil import lanes
from counterfoil.claim import claim
from counterfoil.finish import finish
from counterfoil.lease import DrainLease, end_lease, renew_lease, take_lease
from tests.counterfoil.core import Bench
from tests.race.load import APART
from tests.race.slots import drain_all, live_at_once


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


def pool(bench: Bench, size: int | None) -> None:
    bench.execute("INSERT INTO counterfoil_queues (name, pool_size) VALUES ('default', :size)", size=size)


def take(bench: Bench, seconds: float = 60, queue: str = "default") -> DrainLease | None:
    with bench.engine.begin() as connection:
        return take_lease(connection, queue, "test", seconds)


def renew(bench: Bench, drain: str, seconds: float = 60) -> bool:
    with bench.engine.begin() as connection:
        return renew_lease(connection, drain, seconds)


def run_out(bench: Bench, drain: str) -> None:
    """The lease of a drain that nobody renewed."""
    for table, column in (("drains", "id"), ("slots", "drain_id")):
        bench.execute(
            f"UPDATE counterfoil_{table} SET until = (SELECT min(opened_at) FROM counterfoil_tickets) "
            f"WHERE {column} = :drain",
            drain=drain,
        )


def test_a_pool_gives_each_slot_once_and_gives_it_again_when_it_is_free(bench: Bench) -> None:
    pool(bench, 2)
    one, two = take(bench), take(bench)
    assert one is not None
    assert two is not None
    assert {one.slot, two.slot} == {1, 2}
    assert take(bench) is None
    with bench.engine.begin() as connection:
        end_lease(connection, one.id)
    again = take(bench)
    assert again is not None
    assert again.slot == one.slot


def test_without_a_pool_size_slots_are_added_as_needed(bench: Bench) -> None:
    slots = [lease.slot for lease in (take(bench) for _ in range(5)) if lease is not None]
    assert slots == [1, 2, 3, 4, 5]


def test_a_smaller_pool_counts_from_the_next_lease_on(bench: Bench) -> None:
    pool(bench, 3)
    leases = [take(bench) for _ in range(3)]
    bench.execute("UPDATE counterfoil_queues SET pool_size = 1")
    assert leases[2] is not None
    assert renew(bench, leases[2].id)
    assert take(bench) is None


def test_a_paused_queue_gives_no_lease(bench: Bench) -> None:
    pool(bench, None)
    bench.execute("UPDATE counterfoil_queues SET paused = true")
    assert take(bench) is None


def test_a_lease_that_ran_out_is_not_renewed_and_its_slot_is_free(bench: Bench) -> None:
    bench.work("T.work")
    bench.open("T.work")
    pool(bench, 1)
    lease = take(bench)
    assert lease is not None
    assert renew(bench, lease.id)
    run_out(bench, lease.id)
    assert not renew(bench, lease.id)
    other = take(bench)
    assert other is not None
    assert other.slot == lease.slot
    assert not renew(bench, lease.id)
    assert renew(bench, other.id)


def test_slot_and_lease_end_at_one_instant(bench: Bench) -> None:
    lease = take(bench)
    assert lease is not None
    for _ in range(2):
        row = bench.all(
            "SELECT d.until AS lease, s.until AS slot FROM counterfoil_drains d "
            "JOIN counterfoil_slots s ON s.drain_id = d.id"
        )[0]
        assert row.lease == row.slot
        assert renew(bench, lease.id, 90)


def test_a_drain_whose_slot_is_anothers_is_told_so_though_its_own_row_lives(bench: Bench) -> None:
    lease = take(bench)
    assert lease is not None
    bench.execute("UPDATE counterfoil_slots SET drain_id = 'another'")
    assert not renew(bench, lease.id)


def test_two_who_add_slots_at_once_both_get_one(postgresql_url: str) -> None:
    from counterfoil.database import make_engine

    engine = make_engine(postgresql_url)
    pool(Bench(engine), 16)
    got: list[DrainLease | None] = []
    with engine.begin() as first:
        got.append(take_lease(first, "default", "first", 60))

        def second() -> None:
            with engine.begin() as connection:
                got.append(take_lease(connection, "default", "second", 60))

        thread = threading.Thread(target=second)
        thread.start()
        wait_for_a_lock(engine)
    thread.join(60)
    engine.dispose()
    assert [lease.slot for lease in got if lease is not None] == [1, 2]


def test_sixteen_drains_on_a_pool_of_four_are_never_more_than_four(database_url: str, engine: Engine) -> None:
    pool(Bench(engine), 4)
    told = APART.Queue()
    processes = [APART.Process(target=drain_all, args=(database_url, n, 4, told)) for n in range(4)]
    for process in processes:
        process.start()
    try:
        held = [times for _ in processes for times in told.get(timeout=90)]
        for process in processes:
            process.join(10)
    finally:
        for process in processes:
            process.kill()
    assert len(held) > 16
    assert 2 <= live_at_once(held) <= 4
    abandoned = [until for _, until, ended in held if not ended]
    assert abandoned, "no lease was left to run out"


# How a claim meets others in a lane (PostgreSQL: SQLite has one writer).


@pytest.fixture
def two(postgresql_url: str) -> Iterator[Bench]:
    from counterfoil.database import make_engine

    made = Bench(make_engine(postgresql_url))
    made.work("T.laned", lane="L")
    made.work("T.plain")
    yield made
    made.engine.dispose()


def wait_for_a_lock(engine: Engine) -> None:
    """Until somebody in this database waits for a lock: the proof that two really met."""
    sql = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with engine.connect() as connection:
            if connection.execute(sql).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waited")


def test_a_lane_that_another_claim_is_deciding_about_is_passed_over(two: Bench) -> None:
    laned = two.open("T.laned", priority=1)
    drain = two.lease()
    with two.engine.begin() as deciding:
        assert lanes.try_lock(deciding, "L")
        assert two.claim(drain) is None
        plain = two.open("T.plain")
        claimed = two.claim(drain)
        assert claimed is not None
        assert claimed.id == plain
    assert two.row(laned).turn
    claimed = two.claim(drain)
    assert claimed is not None
    assert claimed.id == laned


def test_a_holder_whose_runner_is_just_finishing_keeps_its_turn(two: Bench) -> None:
    drain = two.lease()
    first = two.open("T.laned")
    holder = two.open("T.laned", priority=1)
    two.execute("UPDATE counterfoil_tickets SET turn = (id = :id)", id=first)
    running = two.claim(drain)
    assert running is not None
    two.execute("UPDATE counterfoil_tickets SET turn = true WHERE id = :id", id=holder)
    with two.engine.begin() as finishing:
        assert finish(finishing, running, None) is not None
        assert two.claim(drain) is None
        assert two.row(holder).turn
    claimed = two.claim(drain)
    assert claimed is not None
    assert claimed.id == holder


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_finish_waits_for_a_sweep_and_is_not_thrown_away(postgresql_url: str, isolation: str) -> None:
    from counterfoil.database import make_engine

    bench = Bench(make_engine(postgresql_url), isolation)
    bench.work("T.laned", lane="L")
    drain = bench.lease()
    bench.open("T.laned")
    running = bench.claim(drain)
    assert running is not None
    holder = bench.open("T.laned")
    bench.execute("UPDATE counterfoil_tickets SET turn = true WHERE id = :id", id=holder)
    outcome: list[Any] = []
    with bench.engine.begin() as sweeping:
        assert lanes.sweep(sweeping, "default") == 1
        thread = threading.Thread(target=lambda: outcome.append(bench.run(running)))
        thread.start()
        wait_for_a_lock(bench.engine)
    thread.join(60)
    assert [made.verb for made in outcome] == ["finish"]
    assert bench.row(holder).turn
    bench.engine.dispose()


def test_an_election_skips_what_somebody_is_just_moving(two: Bench) -> None:
    one, other = two.open("T.laned"), two.open("T.laned")
    two.execute("UPDATE counterfoil_tickets SET turn = false")
    with two.engine.begin() as moving:
        moving.execute(text("SELECT 1 FROM counterfoil_tickets WHERE id = :id FOR UPDATE"), {"id": one})
        with two.engine.begin() as electing:
            assert lanes.elect(electing, ["L"]) == 1
    assert [bool(two.row(ticket).turn) for ticket in (one, other)] == [False, True]


def test_a_claim_sweeps_as_long_as_there_is_something_to_sweep(two: Bench) -> None:
    drain = two.lease()
    two.open("T.laned", priority=1)
    running = two.claim(drain)
    assert running is not None
    with two.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO counterfoil_tickets (view_model, queue, priority, lane, turn) "
                "SELECT 'T.laned', 'default', 5, 'L', true FROM generate_series(1, 4000)"
            )
        )
    plain = two.open("T.plain", priority=9)
    claimed = two.claim(drain)
    assert claimed is not None
    assert claimed.id == plain


def test_a_claim_on_an_idle_queue_takes_no_write_lock(sqlite_url: str) -> None:
    from counterfoil.database import make_engine

    engine = make_engine(sqlite_url)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    with engine.connect() as connection:
        assert claim(connection, DrainLease("d", "default", 1)) is None
    engine.dispose()
    assert not any(sql.startswith("BEGIN") for sql in statements)


def test_a_claim_that_finds_nothing_leaves_the_next_one_prepared(postgresql_url: str) -> None:
    from counterfoil.database import make_engine

    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        for _ in range(8):  # psycopg prepares what it has sent five times, and forgets it by a rollback
            assert claim(connection, DrainLease("d", "default", 1)) is None
        found = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    engine.dispose()
    assert any("SET state = 'running'" in statement for statement in found)


def test_after_waiting_nothing_is_written_before_there_is_something_to_claim(bench: Bench) -> None:
    bench.work("T.plain")
    bench.work("T.laned")
    drain = bench.lease()
    written: list[str] = []
    event.listen(bench.engine, "before_cursor_execute", lambda *given: written.append(given[2]))
    with bench.engine.connect() as connection:
        assert claim(connection, drain, waited=True) is None
        assert [statement.split()[0] for statement in written] == ["SELECT"]
        opened = [bench.open("T.plain"), bench.open("T.laned", lane="L")]
        found = [claim(connection, drain, waited=True) for _ in opened]
        assert [claimed and claimed.id for claimed in found] == opened
        assert claim(connection, drain, waited=True) is None
