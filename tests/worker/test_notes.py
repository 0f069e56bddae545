"""What the horse said on its way into the database; the clerk; the accounting for an ending."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.orm import Session

from counterfoil.claim import claim
from counterfoil.clock import later
from counterfoil.lease import take_lease
from counterfoil.tables import ViewModelRecord
from counterfoil.ticket import Ticket
from worker.clerk import Clerk, clerk_engine
from worker.ending import Cause, Ending, account, still_ours
from worker.notes import BATCH, WAITING_LIMIT, Notes
from worker.page import Record, Stage


def line(n: int = 0, **more: Any) -> dict[str, Any]:
    return {"log": f"line {n}", "level": 20, "ticket": 1, "claim": 1, **more}


@pytest.fixture
def clerk(engine: Engine) -> Any:
    made = Clerk(clerk_engine(engine.url.render_as_string(hide_password=False)))
    yield made
    assert made.close(60)


def test_lines_are_written_in_order_and_progress_stands_on_the_drains_row(
    clerk: Clerk, engine: Engine
) -> None:
    with engine.begin() as connection:
        lease = take_lease(connection, "default", "worker", 60)
    assert lease is not None
    notes = Notes(lease.id, clerk.ask)
    for n in range(BATCH + 10):
        notes.take(line(n))
    notes.take({"progress": [3, 2**60, "far"], "ticket": 1})
    notes.finish(60)
    with engine.connect() as connection:
        logged = connection.execute(text("SELECT message FROM counterfoil_logs ORDER BY id")).scalars().all()
        drain = connection.execute(text("SELECT * FROM counterfoil_drains")).one()
    assert logged == [f"line {n}" for n in range(BATCH + 10)]
    assert (drain.progress_done, drain.progress_total, drain.progress_text) == (3, 2**31 - 1, "far")
    assert drain.ticket_id == 1


def test_messages_that_make_no_sense_are_counted_and_nothing_else() -> None:
    notes = Notes("drain", lambda call: Future())
    bad_progress = {"progress": 3, "ticket": 1}
    for message in (line(level="high"), {"log": "x"}, bad_progress, {"dropped": 4}, {"what": 1}):
        notes.take(message)
    assert notes.dropped == 3 + 4


def test_a_write_that_fails_is_tried_once_more_and_then_counted() -> None:
    tries = 0

    def fails(call: Callable[[Connection], None]) -> "Future[None]":
        nonlocal tries
        tries += 1
        answer: Future[None] = Future()
        answer.set_exception(ConnectionError())
        return answer

    notes = Notes("drain", fails)
    for n in range(3):
        notes.take(line(n))
    notes.finish()
    assert (tries, notes.dropped) == (2, 3)


@pytest.mark.alone
def test_what_waits_for_a_database_that_is_away_is_bounded() -> None:
    notes = Notes("drain", lambda call: Future())
    for n in range(WAITING_LIMIT + 5):
        notes.take(line(n))
    assert notes.dropped == 5
    started = time.monotonic()
    notes.finish(0.2)
    assert time.monotonic() - started < 1


def test_the_clerk_hands_back_errors_and_goes_on(clerk: Clerk) -> None:
    def fails(connection: Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        clerk.wait(fails, 60)
    assert clerk.wait(lambda connection: connection.execute(text("SELECT 1")).scalar_one(), 60) == 1


def test_on_sqlite_no_connection_of_the_clerk_is_open_between_two_questions(
    clerk: Clerk, engine: Engine
) -> None:
    clerk.wait(lambda connection: connection.execute(text("SELECT 1")).scalar_one(), 60)
    with clerk.still(60) as quiet:
        assert quiet
        open_now = clerk.engine.pool.status()
        if engine.dialect.name == "sqlite":
            assert "NullPool" in open_now
        else:
            assert "Connections in pool: 1" in open_now


def claimed(engine: Engine) -> Any:
    with Session(engine) as session:
        session.execute(
            insert(ViewModelRecord).values(
                name="T.work", sort="target", known_until=later(timedelta(hours=1))
            )
        )
        session.add(Ticket(view_model="T.work", max_attempts=2))
        session.commit()
    with engine.begin() as connection:
        lease = take_lease(connection, "default", "worker", 60)
    assert lease is not None
    with engine.connect() as connection:
        found = claim(connection, lease)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("cause", "stage", "fence", "attempts", "outcome"),
    [
        (Cause.DIED, Stage.RUNNING, "its own", 1, "back off"),
        (Cause.DIED, Stage.FINISHING, "its own", 1, "back off"),
        (Cause.DIED, Stage.RUNNING, "", 1, "back off"),
        (Cause.DIED, Stage.CLAIMED, "its own", 0, "give back"),
        (Cause.DIED, Stage.IDLE, "", 0, "give back"),
        (Cause.DIED, Stage.RUNNING, "another one's", 0, "give back"),
        (Cause.TIMEOUT, Stage.RUNNING, "its own", 1, "back off"),
        (Cause.LEASE, Stage.RUNNING, "its own", 1, "back off"),
        (Cause.STOPPED, Stage.RUNNING, "its own", 0, "give back"),
    ],
)
def test_what_ran_is_charged_and_what_had_not_begun_is_given_back(
    engine: Engine, cause: Cause, stage: Stage, fence: str, attempts: int, outcome: str
) -> None:
    ticket = claimed(engine)
    named = {"its own": ticket.fence, "another one's": "x" * 32}.get(fence, "")
    ending = Ending(cause, 9, Record(stage, ticket.id, 1, named, 0.0, 5.0))
    with engine.begin() as connection:
        assert still_ours(connection, ticket.id, ticket.fence)
        assert len(account(connection, ticket.drain_id, ending, "worker", "7")) == 1
        assert not still_ours(connection, ticket.id, ticket.fence)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT state, attempts FROM counterfoil_tickets")).one()
        kept = connection.execute(text("SELECT outcome, worker FROM counterfoil_attempts")).one()
    assert tuple(row) == ("pending", attempts)
    assert tuple(kept) == (outcome, "worker")


def test_an_ending_after_the_commit_changes_nothing(engine: Engine) -> None:
    ticket = claimed(engine)
    ending = Ending(Cause.DIED, 9, Record(Stage.FINISHING, ticket.id, 1, ticket.fence))
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_tickets SET state = 'done'"))
        assert account(connection, ticket.drain_id, ending, "worker", None) == []
