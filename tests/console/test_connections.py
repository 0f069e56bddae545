"""The console's connections to PostgreSQL: what is prepared stays, and a cut one is noticed in time."""

import threading

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from console.database import db
from console.live import Changes
from tests.console.browser import Browser

CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'counterfoil console'"
)


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """SQLite's connections are files."""
    return postgresql_url


def _cut(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(CUT).scalar_one())


def test_a_connection_that_was_cut_while_it_rested_is_replaced(
    otto: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert otto.get("/tickets").status_code == 200
    monkeypatch.setattr("console.database.REST_SECONDS", 0)
    assert _cut(engine) >= 1
    assert otto.get("/tickets").status_code == 200


def test_one_that_was_just_used_is_not_asked_and_its_loss_is_told_once(
    otto: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.database.REST_SECONDS", 3600)
    assert otto.get("/tickets").status_code == 200
    assert _cut(engine) >= 1
    assert otto.get("/tickets").status_code == 503
    assert otto.get("/tickets").status_code == 200


def prepared(console: Flask) -> str:
    """What the connection that was used last has prepared."""
    with console.app_context(), db.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
        connection.commit()  # by a rollback the driver forgets it
    return "\n".join(rows)


def ask(otto: Browser) -> None:
    for _ in range(8):  # the driver prepares what it has sent five times
        assert otto.get("/tickets?tab=errored").status_code == 200


def test_what_a_page_asks_stays_prepared_from_one_request_to_the_next(otto: Browser, console: Flask) -> None:
    ask(otto)
    assert "counterfoil_tickets" in prepared(console)
    assert "counterfoil_sessions" in prepared(console)


def test_it_stays_so_while_changes_are_watched_and_a_stream_is_opened(otto: Browser, console: Flask) -> None:
    ask(otto)
    changes: Changes = console.extensions["counterfoil_changes"]
    looked = threading.Event()
    changes.enter("a session")
    with console.app_context():
        event.listen(db.engine, "checkin", lambda *_: looked.set())
    assert looked.wait(10)
    changes.leave("a session")
    stream = otto.client.get("/live?topics=tickets")
    stream.close()
    assert "counterfoil_tickets" in prepared(console)
