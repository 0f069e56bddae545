"""A drain that found nothing stays for what is due in a moment, and after its last ticket; never early."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from counterfoil.candidates import due_queues, seconds_to_next
from worker import linger
from worker.linger import Stay

from .scheduling import Stage

SOON, LATER = timedelta(seconds=60), timedelta(hours=3)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know()
    return made


def test_it_knows_how_long_it_is_to_the_next_of_its_queue_whatever_the_priority(stage: Stage) -> None:
    stage.open(queue="a", execute_earliest=LATER, priority=1)
    stage.open(queue="a", execute_earliest=SOON, priority=9)
    stage.open(queue="b", execute_earliest=-SOON)
    with stage.engine.connect() as connection:
        found = seconds_to_next(connection, "a", 7200)
        assert found is not None
        assert 0 < found <= 60
        assert seconds_to_next(connection, "a", 0.001) is None
        assert seconds_to_next(connection, "b", 7200) is None  # it is due: the claim has decided about it


def test_it_stays_for_what_is_due_in_a_moment_and_for_nothing_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.open(queue="a", execute_earliest=SOON)
    stage.open(queue="b", execute_earliest=LATER)
    with stage.engine.connect() as connection:
        assert not Stay("a").longer(connection)
        monkeypatch.setattr(linger, "STAY_SECONDS", 7200.0)
        assert Stay("a").longer(connection)  # for some milliseconds: then it looks again
        assert not Stay("b").longer(connection)
        assert not Stay("c").longer(connection)
        assert not connection.in_transaction()


def test_it_stays_a_little_after_its_last_ticket_where_its_worker_has_no_other_queue(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 100.0
    monkeypatch.setattr(linger.time, "monotonic", lambda: at)
    monkeypatch.setattr(linger.time, "sleep", lambda seconds: None)
    alone, one_of_several = Stay("a", alone=True), Stay("a")
    with stage.engine.connect() as connection:
        assert not alone.longer(connection), "nothing was run yet"
        alone.ran()
        one_of_several.ran()
        assert alone.longer(connection)
        assert not one_of_several.longer(connection), "a hint for another queue may wait"
        at += linger.AFTER_SECONDS
        assert not alone.longer(connection)
        assert not connection.in_transaction()


def test_what_is_held_or_waits_without_a_turn_keeps_no_drain(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linger, "STAY_SECONDS", 7200.0)
    stage.open(queue="a", execute_earliest=SOON, state="held", turn=False)
    stage.open(queue="a", execute_earliest=SOON, turn=False)
    with stage.engine.connect() as connection:
        assert not Stay("a").longer(connection)


def test_the_queues_of_a_moment_are_those_with_something_just_due_or_due_soon(stage: Stage) -> None:
    stage.open(queue="old", execute_earliest=-SOON)
    stage.open(queue="soon", execute_earliest=SOON)
    stage.open(queue="later", execute_earliest=LATER)
    with stage.engine.connect() as connection:
        assert due_queues(connection, 7200) == ["soon"]
        assert due_queues(connection) == ["old"]
