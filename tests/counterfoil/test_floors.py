"""What a drain remembers for a moment, and what that saves beside an old transaction."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from counterfoil import claim
from counterfoil.database import make_engine
from counterfoil.floors import Floors
from tests.counterfoil.core import Bench
from tests.counterfoil.large_table import touched

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=1)
DEAD = 8000


def test_a_probe_begins_where_the_last_ticket_was_found_until_a_second_is_over() -> None:
    now = [100.0]
    floors = Floors(lambda: now[0])
    bottom = floors.now()
    floors.found(5, LONG_AGO, NOON, 0.0)
    recent = NOON - timedelta(seconds=5)
    assert floors.now() == [recent, recent, LONG_AGO, *bottom[3:]]
    now[0] += 0.9
    floors.found(5, LONG_AGO + timedelta(minutes=1), NOON, 0.0)
    assert floors.now()[2] == LONG_AGO + timedelta(minutes=1)
    now[0] += 0.2
    assert floors.now() == bottom


def test_a_dear_look_at_everything_is_taken_less_often() -> None:
    now = [100.0]
    floors = Floors(lambda: now[0])
    floors.found(5, LONG_AGO, NOON, 0.5)
    now[0] += 9
    assert floors.now()[2] == LONG_AGO
    now[0] += 2
    assert floors.now()[2] != LONG_AGO


def test_tickets_of_the_last_seconds_are_never_passed_over() -> None:
    floors = Floors(lambda: 100.0)
    floors.found(5, NOON, NOON, 0.0)
    assert max(floors.now()) == NOON - timedelta(seconds=5)


def test_who_remembers_nothing_has_nothing_to_forget() -> None:
    floors = Floors()
    assert not floors.forget()
    floors.found(1, NOON, NOON, 0.0)
    assert floors.forget()
    assert not floors.forget()


@pytest.fixture
def old(postgresql_url: str) -> Any:
    """A bench on which a transaction is open that is older than all that was claimed."""
    engine = make_engine(postgresql_url)
    bench = Bench(engine)
    bench.work("T.work")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO counterfoil_tickets (view_model, opened_at) SELECT 'T.work', "
                "clock_timestamp() - interval '1 hour' + n * interval '1 ms' "
                f"FROM generate_series(1, {DEAD + 50}) AS n"
            )
        )
    with engine.connect() as transaction:
        transaction.execute(text("SELECT pg_current_xact_id()"))
        bench.execute(
            "UPDATE counterfoil_tickets SET state = 'done', turn = false, done = clock_timestamp() "
            f"WHERE id <= {DEAD}"
        )
        yield bench
    engine.dispose()


def test_beside_an_old_transaction_claims_do_not_walk_over_all_that_was_done(old: Bench) -> None:
    drain = old.lease()
    drain.floors.clock = lambda: 100.0  # what it remembers is not forgotten while a slow machine explains

    def pages() -> int:
        return max(one.amount for one in touched(old.engine, lambda c: claim.ride(c, drain)))

    first = pages()
    assert first > 200, "nothing dead was in the way: this shows nothing"
    assert pages() < 100


def test_a_ticket_below_the_floor_is_found_before_a_drain_says_that_there_is_none(old: Bench) -> None:
    drain = old.lease()
    while old.claim(drain) is not None:
        pass
    last = old.open("T.work")
    assert old.claim(drain) is not None
    early = old.open("T.work", opened_at="2001-01-01 00:00:00+00")
    claimed = old.claim(drain)
    assert claimed is not None
    assert claimed.id == early
    assert early > last
