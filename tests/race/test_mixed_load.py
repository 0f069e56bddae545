"""Many openers, workers and operators at once on a few lanes; and the controls in which it must fail.

RACE_LONG=1 runs the long form by hand: 5,000 tickets, 8 openers, 8 workers, 3,000 acts.
"""

import os
import time
from dataclasses import replace

import pytest

from tests.race.load import Load, Report, run

LONG = bool(os.environ.get("RACE_LONG"))
SHORT_FORM = Load(url="", tickets=400, openers=6, acts=150)
LONG_FORM = Load(url="", tickets=5000, openers=8, workers=8, acts=1500, patience=600)
SQLITE_FORM = replace(
    SHORT_FORM,
    tickets=1000 if LONG else 200,
    openers=2,
    longest_opening=0.02,
    grouped=0.5,
    workers=2,
    acts=60,
)
CONTROL = replace(
    SHORT_FORM, tickets=240, lanes=2, longest_opening=0.01, rolled_back=0, grouped=0, operators=1, acts=20
)

pytestmark = pytest.mark.timeout(1200 if LONG else 600)


def told(load: Load) -> Report:
    load = replace(load, seed=time.time_ns())
    report = run(load)
    report.opened.clear()
    print(f"seed {load.seed}: {report}")
    return report


def check(load: Load) -> None:
    report = told(load)
    assert report.faults == []
    # It has to have been a race: tickets that did not end well, late workers, acts, lanes that waited.
    for kind in ("finish", "back off", "late: lost"):
        assert report.outcomes[kind] > 0
    assert report.outcomes["group"] + report.outcomes["group rolled back"] > 0
    assert report.acts["move"] + report.acts["expire"] > 0
    # Whose work was done lost it to an operator or not at all.
    assert report.outcomes["lost"] <= report.acts["expire"] + report.acts["fail"]
    assert report.asked_again == 0


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_nothing_overlaps_is_lost_or_thrown_away(postgresql_url: str, isolation: str) -> None:
    check(replace(LONG_FORM if LONG else SHORT_FORM, url=postgresql_url, isolation=isolation))


def test_nothing_overlaps_is_lost_or_thrown_away_on_sqlite(sqlite_url: str) -> None:
    check(replace(SQLITE_FORM, url=sqlite_url))


def test_the_load_sees_that_the_lanes_lock_was_taken_out(postgresql_url: str) -> None:
    # SERIALIZABLE hosts open with a turn always, so that many claims meet in one lane.
    report = told(replace(CONTROL, url=postgresql_url, isolation="SERIALIZABLE", without="lock"))
    assert any("counterfoil_tickets_lane" in fault for fault in report.faults)


def test_the_load_sees_that_the_fence_was_taken_out(postgresql_url: str) -> None:
    report = told(
        replace(CONTROL, url=postgresql_url, lanes=50, late=0.3, longest_work=0.04, without="fence")
    )
    assert any("another claim" in fault for fault in report.faults)
