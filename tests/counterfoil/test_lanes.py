"""Each event of a laned ticket: what becomes of its turn, and who gets one then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil import aside, door, lanes, settle
from counterfoil.acts import Actor, act
from counterfoil.claimed import Claimed
from counterfoil.columns import utc_text
from counterfoil.errors import Failure
from counterfoil.signals import Fail
from tests.counterfoil.core import Bench

BOSS = Actor("boss", "console")


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("T.plain")
    made.work("T.laned", lane="L")
    return made


def instant(bench: Bench, seconds: float) -> str:
    """An instant from now, as this dialect's SQL takes it."""
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds)) + (
        "+00" if bench.engine.dialect.name == "postgresql" else ""
    )


def has_turn(bench: Bench, *tickets: int) -> list[bool]:
    found = {row.id: bool(row.turn) for row in bench.all("SELECT id, turn FROM counterfoil_tickets")}
    return [found[ticket] for ticket in tickets]


def claim(bench: Bench, queue: str = "default") -> Claimed | None:
    return bench.claim(bench.lease(queue))


def claimed(bench: Bench, ticket: int, queue: str = "default") -> Claimed:
    """The ticket, running."""
    got = claim(bench, queue)
    assert got is not None
    assert got.id == ticket
    return got


def do(bench: Bench, verb: str, ticket: int, **arguments: Any) -> None:
    with bench.engine.begin() as connection:
        act(connection, verb, ticket, BOSS, reason="the test", **arguments)


def test_the_first_of_a_lane_is_guessed_a_turn_and_the_next_waits_without(bench: Bench) -> None:
    one, two, free = bench.open("T.laned"), bench.open("T.laned"), bench.open("T.plain")
    assert has_turn(bench, one, two, free) == [True, False, True]


def test_no_turn_is_guessed_while_the_lane_runs(bench: Bench) -> None:
    claimed(bench, bench.open("T.laned"))
    assert has_turn(bench, bench.open("T.laned", priority=1)) == [False]


def test_unknown_and_staged_tickets_have_no_turn(bench: Bench) -> None:
    unknown, staged = bench.open("T.nobody", lane="L"), bench.open("T.laned", state="held")
    assert has_turn(bench, unknown, staged) == [False, False]
    assert bench.row(unknown).aside == "unknown"
    assert has_turn(bench, bench.open("T.laned")) == [True]


def test_a_delayed_holder_keeps_its_turn_and_blocks_nobody(bench: Bench) -> None:
    later = bench.open("T.laned", execute_earliest=instant(bench, 3600))
    now = bench.open("T.laned")
    assert has_turn(bench, later, now) == [True, True]
    claimed(bench, now)
    assert claim(bench) is None
    assert has_turn(bench, later) == [True]


def test_a_holder_that_is_due_in_a_busy_lane_is_taken_back(bench: Bench) -> None:
    later = bench.open("T.laned", execute_earliest=instant(bench, 3600))
    first = claimed(bench, bench.open("T.laned"))
    bench.execute("UPDATE counterfoil_tickets SET execute_earliest = opened_at WHERE id = :id", id=later)
    assert claim(bench) is None
    assert has_turn(bench, later) == [False]
    bench.run(first)
    assert has_turn(bench, later) == [True]
    claimed(bench, later)


def test_a_claim_takes_the_turn_of_its_ticket(bench: Bench) -> None:
    one = bench.open("T.laned")
    claimed(bench, one)
    assert has_turn(bench, one) == [False]


@pytest.mark.parametrize("isolation", [None, "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("how", ["finish", "error", "fail"])
def test_whoever_ends_elects_the_best_due_of_each_queue(
    postgresql_url: str, sqlite_url: str, how: str, isolation: str | None
) -> None:
    from counterfoil.database import make_engine

    for url in (postgresql_url, sqlite_url):
        if url is sqlite_url and isolation is not None:
            continue
        engine = make_engine(url)
        bench = Bench(engine, isolation)

        def work() -> None:
            if how == "error":
                raise ValueError
            if how == "fail":
                raise Fail("no")

        bench.work("T.laned", work, lane="L", max_attempts=1)
        first = bench.open("T.laned")
        low, best = bench.open("T.laned", priority=9), bench.open("T.laned")
        other = bench.open("T.laned", queue="other", priority=9, execute_earliest=instant(bench, 60))
        urgent_later = bench.open("T.laned", priority=5, execute_earliest=instant(bench, 60))
        bench.execute("UPDATE counterfoil_tickets SET turn = (id = :id)", id=first)
        assert bench.run(claimed(bench, first)).verb == how
        assert has_turn(bench, low, best, other, urgent_later) == [False, True, True, False]
        engine.dispose()


@pytest.mark.parametrize("how", ["back off", "postpone", "give back", "lapse", "stop"])
def test_whoever_goes_back_to_waiting_competes_for_the_turn(bench: Bench, how: str) -> None:
    plain = claimed(bench, bench.open("T.plain"))
    mine = claimed(bench, bench.open("T.laned"))
    other = bench.open("T.laned")
    for ticket in (plain, mine):
        _go_back(bench, how, ticket)
    assert bench.row(mine.id).state == "pending"
    # An unlaned ticket that backed off is a candidate again; of the lane, the due one is before the later.
    assert has_turn(bench, plain.id) == [True]
    expected = [True, False] if how == "give back" else [False, True]
    assert has_turn(bench, mine.id, other) == expected


@pytest.mark.parametrize("how", ["back off", "postpone", "give back", "lapse", "stop"])
def test_the_only_one_of_its_lane_has_the_turn_again(bench: Bench, how: str) -> None:
    mine = claimed(bench, bench.open("T.laned"))
    _go_back(bench, how, mine)
    assert has_turn(bench, mine.id) == [True]


def _go_back(bench: Bench, how: str, ticket: Claimed) -> None:
    with bench.engine.begin() as c:
        if how == "back off":
            assert settle.fail_attempt(c, ticket.id, ticket.fence, Failure("run", "no")) == "pending"
        elif how == "postpone":
            assert settle.postpone(c, ticket.id, ticket.fence, 60, "not now")
        elif how == "give back":
            assert settle.give_back(c, ticket.id, ticket.fence)
        elif how == "lapse":
            c.execute(text("DELETE FROM counterfoil_drains WHERE id = :id"), {"id": ticket.drain_id})
            assert settle.lapse(c) == [ticket.id]
        else:
            assert door.move(
                c, "stop", ticket.id, error="stopped", error_kind="stopped", fingerprint="stopped", hold=0
            )


def test_a_holder_that_is_held_passes_its_turn_on_and_a_released_one_competes(bench: Bench) -> None:
    one, two = bench.open("T.laned"), bench.open("T.laned")
    do(bench, "hold", one)
    assert has_turn(bench, one, two) == [False, True]
    do(bench, "hold", two)
    do(bench, "release", one)
    assert has_turn(bench, one, two) == [True, False]
    claimed(bench, one)
    do(bench, "release", two)
    assert claim(bench) is None
    assert has_turn(bench, two) == [False]


def test_a_retried_ticket_competes_in_its_lane(bench: Bench) -> None:
    one = bench.open("T.laned")
    bench.run(claimed(bench, one))
    do(bench, "retry", one)
    assert has_turn(bench, one) == [True]


@pytest.mark.parametrize("verb", ["reschedule", "reprioritise", "move"])
def test_a_holder_that_is_changed_gives_way_to_who_is_better_now(bench: Bench, verb: str) -> None:
    one, two, three = (bench.open("T.laned") for _ in range(3))
    arguments: dict[str, dict[str, Any]] = {
        "reschedule": {"at": datetime.now(UTC) + timedelta(hours=1)},
        "reprioritise": {"priority": 9},
        "move": {"queue": "other"},
    }
    do(bench, verb, one, **arguments[verb])
    assert has_turn(bench, one, two, three) == [verb == "move", True, False]


def test_run_now_gives_the_turn_to_the_ticket_meant(bench: Bench) -> None:
    one, two, three = (bench.open("T.laned") for _ in range(3))
    do(bench, "run-now", three)
    assert has_turn(bench, one, two, three) == [True, False, True]
    claimed(bench, three)
    assert claim(bench) is None
    assert has_turn(bench, one, two) == [False, False]


@pytest.mark.parametrize("verb", ["expire", "fail"])
@pytest.mark.parametrize("state", ["pending", "running"])
def test_whoever_is_given_up_passes_the_turn_on_at_once(bench: Bench, verb: str, state: str) -> None:
    one, two = bench.open("T.laned"), bench.open("T.laned")
    if state == "running":
        claimed(bench, one)
    do(bench, verb, one)
    assert has_turn(bench, one, two) == [False, True]
    claimed(bench, two)


def test_a_passed_deadline_passes_the_turn_on(bench: Bench) -> None:
    one = bench.open("T.laned", expires_at=instant(bench, -1))
    two = bench.open("T.laned")
    with bench.engine.begin() as connection:
        assert settle.expire_due(connection) == [one]
    assert has_turn(bench, one, two) == [False, True]


def test_a_paused_queue_does_not_hold_its_lane_up_elsewhere(bench: Bench) -> None:
    here, there = bench.open("T.laned"), bench.open("T.laned", queue="other")
    bench.lease("default")
    bench.execute("UPDATE counterfoil_queues SET paused = true")
    assert has_turn(bench, here, there) == [True, True]
    claimed(bench, there, "other")


def test_a_paused_view_model_is_set_aside_and_does_not_hold_others_of_its_lane_up(bench: Bench) -> None:
    bench.work("T.other", lane="L")
    one, two, other = bench.open("T.laned"), bench.open("T.laned"), bench.open("T.other")
    bench.execute("UPDATE counterfoil_view_models SET paused = true WHERE name = 'T.laned'")
    with bench.engine.begin() as connection:
        assert aside.set_aside(connection) == 2
    assert has_turn(bench, one, two, other) == [False, False, True]
    assert bench.row(one).aside == "paused"
    bench.execute("UPDATE counterfoil_tickets SET state = 'held', turn = false WHERE id = :id", id=other)
    bench.execute("UPDATE counterfoil_view_models SET paused = false WHERE name = 'T.laned'")
    with bench.engine.begin() as connection:
        assert aside.set_back(connection) == 2
    assert bench.row(two).aside is None
    claimed(bench, one)


def test_an_urgent_one_behind_a_waiting_minor_holder_goes_first(bench: Bench) -> None:
    minor = bench.open("T.laned", priority=9)
    urgent = bench.open("T.laned", priority=1)
    assert has_turn(bench, minor, urgent) == [True, True]
    claimed(bench, urgent)
    assert claim(bench) is None
    assert has_turn(bench, minor) == [False]


def test_a_busy_lane_at_the_head_is_swept_and_the_next_candidate_claimed(bench: Bench) -> None:
    bench.work("T.other", lane="M")
    urgent = bench.open("T.laned", priority=3)
    stale = bench.open_each("T.laned", [{"priority": 9}] * 300)
    behind = bench.open("T.other", priority=9)
    claimed(bench, urgent)
    bench.execute("UPDATE counterfoil_tickets SET turn = true WHERE state = 'pending'")
    claimed(bench, behind)
    assert not any(has_turn(bench, *stale))


def test_rows_taken_by_plain_sql_are_repaired_by_one_beat(bench: Bench) -> None:
    one, two = bench.open("T.laned"), bench.open("T.laned")
    bench.execute("DELETE FROM counterfoil_tickets WHERE id = :id", id=one)
    assert has_turn(bench, two) == [False]
    with bench.engine.begin() as connection:
        assert lanes.repair(connection) == (1, ("", ""))
    assert has_turn(bench, two) == [True]


def test_a_beat_leaves_lanes_alone_that_run_or_have_a_due_holder(bench: Bench) -> None:
    bench.work("T.other", lane="M")
    bench.open("T.laned")
    parked = [bench.open("T.laned"), bench.open("T.laned", queue="other", execute_earliest=instant(bench, 9))]
    running = bench.open("T.other", priority=1)
    claimed(bench, running)
    parked.append(bench.open("T.other"))
    assert has_turn(bench, *parked) == [False, True, False]
    with bench.engine.begin() as connection:
        assert lanes.repair(connection)[0] == 0
    assert has_turn(bench, *parked) == [False, True, False]


def test_a_beat_goes_on_where_the_last_one_ended(bench: Bench) -> None:
    tickets = []
    for n in range(7):
        bench.work(f"T.{n}", lane=f"lane {n}")
        tickets.append(bench.open(f"T.{n}"))
    bench.execute("UPDATE counterfoil_tickets SET turn = false")
    place, given = ("", ""), []
    while True:
        with bench.engine.begin() as connection:
            count, place = lanes.repair(connection, place, chunk=3)
        given.append(count)
        if place == ("", ""):
            break
    assert given == [3, 3, 1]
    assert all(has_turn(bench, *tickets))


def test_a_hundred_idle_lanes_are_repaired_by_one_beat(bench: Bench) -> None:
    bench.work("T.many", lane="lane {root_id}")
    tickets = bench.open_each("T.many", [{"root_id": f"C!{n % 100}"} for n in range(300)])
    bench.execute("UPDATE counterfoil_tickets SET turn = false")
    with bench.engine.begin() as connection:
        assert lanes.repair(connection)[0] == 100
    assert has_turn(bench, *tickets) == [True] * 100 + [False] * 200
