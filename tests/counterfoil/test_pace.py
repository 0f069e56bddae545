"""Canary and pace: ten first, nine must succeed, then at the rate of the last healthy hour."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, literal, select, update

from counterfoil import operation_work, operations, pace
from counterfoil.acts import Refused
from counterfoil.columns import Utc
from counterfoil.tables import Attempt, Operation, Sample, TrailEntry
from counterfoil.ticket import Ticket
from tests.console.tickets.cast import known
from tests.counterfoil.test_operations import ADA, asked, made, read, started, states, work


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the pace stands but for `later`: a ticket a second would count how slow this machine is."""
    now = datetime.now(UTC)
    for module in (operation_work, pace):
        monkeypatch.setattr(module, "stamp", lambda: literal(now, Utc()))


@pytest.fixture
def shop(engine: Engine) -> Engine:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
    return engine


def canary(shop: Engine, count: int = 14) -> tuple[int, list[int]]:
    """A started retry of so many, its canary let go."""
    ids = made(shop, *["errored"] * count)
    id_ = asked(shop, "retry", "tab=errored")
    with shop.begin() as connection:
        operations.start(connection, id_, ADA, "bank is up again", count, "canary")
    work(shop)
    return id_, ids


def succeed(shop: Engine, ids: list[int]) -> None:
    with shop.begin() as connection:
        done = {"state": "done", "moves": Ticket.moves + 2, "done": datetime.now(UTC)}
        connection.execute(update(Ticket).where(Ticket.id.in_(ids)).values(done))


def miss(shop: Engine, ids: list[int], outcome: str = "back off") -> None:
    """They fail and wait for another try: pending, as they were before."""
    with shop.begin() as connection:
        for id_ in ids:
            told = {"ticket_id": id_, "claim": 2, "outcome": outcome, "error": "OSError: no answer\nat all"}
            connection.execute(insert(Attempt).values(told))


def later(shop: Engine, id_: int, seconds: float) -> None:
    """The clock of the pace, pushed ahead."""
    with shop.begin() as connection:
        earlier = read(shop, id_).paced_at - timedelta(seconds=seconds)
        connection.execute(update(Operation).where(Operation.id == id_).values(paced_at=earlier))


def healthy(shop: Engine, hours_ago: float, per_minute: int, errored: int = 0) -> None:
    """The sampler's figures of an hour."""
    start = pace.stamp().value - timedelta(hours=hours_ago)  # by the clock that stands
    rates = {"done": per_minute, "errored": errored, "finished": per_minute + errored}
    rows = [
        {"at": start - timedelta(minutes=5 * n, seconds=2), "counts": {}, "queues": {}, "rates": rates}
        for n in range(12)
    ]
    with shop.begin() as connection:
        connection.execute(insert(Sample), rows)


def test_ten_go_first_and_the_others_wait_for_their_outcomes(shop: Engine) -> None:
    id_, ids = canary(shop)
    row = read(shop, id_)
    assert (row.state, row.phase, row.changed, row.canary) == ("started", "watching", 10, ids[:10])
    assert states(shop, ids) == ["pending"] * 10 + ["errored"] * 4
    succeed(shop, ids[:8])
    work(shop)
    assert read(shop, id_).phase == "watching", "8 of 10 are not enough, and 2 may still succeed"


def test_with_nine_of_ten_it_goes_on_at_the_rate_of_the_last_healthy_hour(shop: Engine) -> None:
    healthy(shop, 0, per_minute=50, errored=50)  # the hour that is going wrong
    healthy(shop, 1, per_minute=120, errored=2)
    healthy(shop, 2, per_minute=999)
    id_, ids = canary(shop, 24)
    succeed(shop, ids[:9])
    miss(shop, ids[9:10])
    work(shop)
    row = read(shop, id_)
    assert (row.phase, row.pace_per_minute) == ("paced", 120.0)
    assert row.changed == 10, "nothing is let go before its time"
    later(shop, id_, 2)
    work(shop)
    assert read(shop, id_).changed == 14, "two a second"
    later(shop, id_, 3600)
    work(shop)
    row = read(shop, id_)
    assert (row.state, row.changed) == ("done", 24)


def test_a_scheduler_that_was_away_does_not_let_go_an_hours_tickets_at_once(shop: Engine) -> None:
    id_, ids = canary(shop, 60)
    succeed(shop, ids[:10])
    work(shop)
    assert read(shop, id_).pace_per_minute == pace.UNKNOWN_PER_MINUTE
    later(shop, id_, 3600)
    work(shop)
    assert read(shop, id_).changed == 20, "ten seconds of one a second"


@pytest.mark.parametrize("outcome", ["back off", "error", "lapse"])
def test_with_two_that_miss_it_halts_and_says_why(shop: Engine, outcome: str) -> None:
    id_, ids = canary(shop)
    succeed(shop, ids[:3])
    miss(shop, ids[3:4], outcome)
    work(shop)
    assert read(shop, id_).phase == "watching"
    miss(shop, ids[5:6], outcome)
    work(shop)
    row = read(shop, id_)
    assert (row.state, row.phase, row.changed) == ("started", "halted", 10)
    assert row.halted_why == (
        f"2 of the first 10 did not succeed, at most 1 may; ticket {ids[3]}: OSError: no answer"
    )
    assert states(shop, ids[10:]) == ["errored"] * 4


def test_a_failure_of_before_the_retry_and_a_postponement_are_no_miss(shop: Engine) -> None:
    ids = made(shop, *["errored"] * 12)
    miss(shop, ids)
    with shop.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(update(Attempt).values(ended_at=long_ago))
    id_ = asked(shop, "retry", "tab=errored")
    with shop.begin() as connection:
        operations.start(connection, id_, ADA, None, 12, "canary")
    work(shop)
    miss(shop, ids[:10], "postpone")
    work(shop)
    assert read(shop, id_).phase == "watching"


def test_a_halted_one_is_stopped_or_goes_on_with_a_reason(shop: Engine) -> None:
    id_, ids = canary(shop)
    miss(shop, ids[:2])
    work(shop)
    with shop.begin() as connection:
        with pytest.raises(Refused, match="say why"):
            operations.go_on(connection, id_, ADA, " ")
        operations.go_on(connection, id_, ADA, "those two are known", all_at_once=True)
    work(shop)
    assert (read(shop, id_).state, read(shop, id_).changed) == ("done", 14)
    with shop.connect() as connection:
        told = select(TrailEntry.__table__).where(TrailEntry.verb == "go on with operation")
        entry = connection.execute(told).one()
    assert (entry.reason, entry.after["phase"]) == ("those two are known", "all at once")
    other, others = canary(shop)
    miss(shop, others[:2])
    work(shop)
    with shop.begin() as connection:
        operations.stop(connection, other, ADA)
    work(shop)
    assert read(shop, other).state == "stopped"
    with shop.begin() as connection, pytest.raises(Refused, match="waits for nothing"):
        operations.go_on(connection, other, ADA, "why not")


def test_one_that_waits_for_its_canary_keeps_no_other_waiting_and_takes_no_lock(shop: Engine) -> None:
    canary(shop)
    (held,) = made(shop, "held")
    id_ = asked(shop, "release", ids=[held])
    started(shop, id_)
    work(shop)
    assert read(shop, id_).state == "done"
    with shop.begin() as connection:
        assert operations.work(connection) is False
        assert shop.dialect.name != "sqlite" or not _driver(connection).in_transaction


def _driver(connection: Any) -> Any:
    return connection.connection.driver_connection


def test_above_five_hundred_the_chosen_pace_is_canary_but_only_for_what_runs(shop: Engine) -> None:
    assert [pace.chosen("retry", n) for n in (1, 500, 501)] == ["all", "all", "canary"]
    assert pace.chosen("expire", 10_000) == "all"
    made(shop, "errored")
    id_ = asked(shop, "expire", "tab=errored")
    with shop.begin() as connection:
        for wrong in ("canary", "slowly"):
            with pytest.raises(Refused, match="has no pace"):
                operations.start(connection, id_, ADA, None, 1, wrong)
