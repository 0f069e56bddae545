"""F16, F17: the disk or the memory is full: it fails where somebody sees it, and goes on with room."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from counterfoil import Ticket
from counterfoil.ticket import Ticket as Row
from tests.crash.stage import Stage

NO_ROOM = r"disk is full|No space left on device"


@contextmanager
def full_disk(session: Session) -> Iterator[None]:
    """SQLite: no page more for this connection. PostgreSQL: its error for this, from every new row."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        yield
        session.connection().exec_driver_sql("PRAGMA max_page_count = 1000000")
        return
    raises = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"
    with on_every_insert(session.get_bind().engine, "counterfoil_tickets", raises):
        yield


@contextmanager
def on_every_insert(engine: Engine, table: str, does: str) -> Iterator[None]:
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; END $$; "
                f"CREATE TRIGGER no_room AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
            )
        )
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION no_room() CASCADE"))


def test_opening_on_a_full_disk_fails_in_the_caller_and_leaves_nothing_half_made(stage: Stage) -> None:
    with Session(stage.engine) as session, full_disk(session):
        session.commit()
        with pytest.raises(DBAPIError, match=NO_ROOM):
            open_many(session)
        session.rollback()
        assert session.query(Row).count() == 0
        assert session.execute(text("SELECT count(*) FROM effect")).scalar_one() == 0
        session.rollback()
    assert stage.row(stage.open(ring=False)).state == "pending"
    stage.check(at_rest=False)


def open_many(session: Session) -> None:
    """With an effect of the application's own each; SQLite first fills the pages that it has."""
    for _ in range(2000):
        session.execute(text("INSERT INTO effect (ticket_id, attempt) VALUES (0, 0)"))
        session.add(Ticket(view_model="Crash.work", params={"what": "x" * 4000}))
        session.flush()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_work_on_a_full_disk_is_a_failed_attempt_and_done_when_there_is_room(stage: Stage) -> None:
    worker = stage.worker()
    raises = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"
    with on_every_insert(stage.engine, "effect", raises):
        ticket = stage.open(before="wait")
        stage.marked(f"started {ticket} 1")
        stage.let_go()
        stage.marked(f"started {ticket} 2")
        [attempt] = stage.query("SELECT outcome, error FROM counterfoil_attempts")
        assert attempt.outcome == "back off"
        assert "No space left on device" in attempt.error
    stage.let_go()
    assert stage.reached(ticket, "done").attempts == 2
    assert worker.stop() == 0
    stage.check()


def test_work_that_eats_all_memory_is_charged_tried_again_and_errored(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    worker = stage.worker()
    by_python = stage.open(what="eat", max_attempts=2)
    by_c = stage.open(what="eat in C", max_attempts=2)
    row = stage.reached(by_python, "errored")
    assert (row.attempts, row.error_kind) == (2, "run")
    assert row.error.startswith("MemoryError")
    row = stage.reached(by_c, "errored")
    assert (row.attempts, row.error_kind, row.error) == (2, "lost", "worker killed (signal 11)")
    after = stage.open()
    assert stage.reached(after, "done").attempts == 1, "the neighbours are none the worse"
    assert worker.stop() == 0
    stage.check()
