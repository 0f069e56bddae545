"""Staged tickets that nobody released: found by the scheduler, counted and told once (O23)."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from counterfoil import policy
from worker.scheduler import figures
from worker.scheduler.lifeline import Lifeline

from .scheduling import Stage, settings_for


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know()
    return made


def test_what_was_opened_held_and_never_released_is_found(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    long_ago = -timedelta(minutes=31)
    old = [stage.open(state="held", turn=False, opened_at=long_ago) for _ in range(2)]
    stage.open(state="held", turn=False)
    stage.open(state="held", turn=False, opened_at=long_ago, moves=1)  # a person holds it
    stage.open(opened_at=long_ago)
    policy.adopt(settings_for(stage.engine, staged_minutes=30))
    with stage.engine.connect() as connection:
        assert figures.counter("forgotten")(connection, datetime.now(UTC)) == 2
    lifeline = Lifeline()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            lifeline._looked_at = float("-inf")  # a minute later
            lifeline.act(stage.beat(staged_minutes=30))
    told = [record.getMessage() for record in caplog.records if "staged" in record.getMessage()]
    assert told == [
        "staged tickets were not released by their application within 30 minutes, the oldest: "
        f"{old[0]}, {old[1]}"
    ]
    assert [stage.state(id_) for id_ in old] == ["held", "held"]


def test_the_snapshot_tells_their_number(stage: Stage) -> None:
    counted = dict.fromkeys(figures.COUNTED, 0) | {"forgotten": 4}
    assert figures.tabs(counted)["forgotten"] == 4
