"""Stop of a running ticket: the fence is replaced, the attempt counts and is remembered."""

from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil.acts import Actor, act
from counterfoil.claimed import Claimed
from counterfoil.undo import undo
from tests.counterfoil.core import Bench

ADA = Actor("ada", "console")


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("T.work", max_attempts=2)
    return made


def running(bench: Bench, **columns: Any) -> Claimed:
    bench.open("T.work", **columns)
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    return claimed


def stopped(bench: Bench, ticket: int, **given: Any) -> int:
    with bench.engine.begin() as connection:
        return act(connection, "stop", ticket, ADA, **given).trail_id


def test_it_waits_for_another_try_and_its_worker_has_lost_it(bench: Bench) -> None:
    claimed = running(bench)
    stopped(bench, claimed.id, reason="it hangs")
    row = bench.row(claimed.id)
    assert (row.state, row.attempts, row.fence, bool(row.trouble)) == ("pending", 1, None, True)
    assert (row.error, row.error_kind, row.fingerprint) == ("stopped by ada: it hangs", "stopped", "stopped")
    assert bench.run(claimed).verb == "lost"
    assert bench.all("SELECT * FROM effect") == []
    assert bench.row(claimed.id) == row
    ((outcome, claim, error),) = bench.all("SELECT outcome, claim, error FROM counterfoil_attempts")
    assert (outcome, claim, error) == ("stop", 1, "stopped by ada: it hangs")


def test_stop_and_hold_leaves_it_to_whoever_releases_it(bench: Bench) -> None:
    claimed = running(bench)
    stopped(bench, claimed.id, hold=True)
    row = bench.row(claimed.id)
    assert (row.state, bool(row.turn), row.error) == ("held", False, "stopped by ada")
    assert bench.claim(bench.lease()) is None
    with bench.engine.begin() as connection:
        act(connection, "release", claimed.id, ADA)
        act(connection, "run-now", claimed.id, ADA)
    again = bench.claim(bench.lease())
    assert again is not None
    assert again.id == claimed.id


def test_at_its_last_attempt_it_is_errored_whatever_was_asked(bench: Bench) -> None:
    claimed = running(bench, max_attempts=1)
    stopped(bench, claimed.id, hold=True)
    row = bench.row(claimed.id)
    assert (row.state, row.error_kind, bool(row.turn)) == ("errored", "stopped", False)
    assert row.done is not None
    assert row.delete_time is not None


def test_the_lane_goes_on_with_the_next(bench: Bench) -> None:
    claimed = running(bench, lane="one by one")
    other = bench.open("T.work", lane="one by one")
    assert not bench.row(other).turn
    stopped(bench, claimed.id, hold=True)
    assert bench.row(other).turn


def test_it_is_undone_with_its_attempt_charged(bench: Bench) -> None:
    claimed = running(bench)
    trail_id = stopped(bench, claimed.id, hold=True)
    with bench.engine.begin() as connection:
        undo(connection, trail_id, ADA)
    row = bench.row(claimed.id)
    assert (row.state, row.attempts, row.error) == ("pending", 1, None)
