"""The console's connections to PostgreSQL: what is prepared stays, and a cut one is noticed in time."""

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from console.database import db
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


def test_what_a_page_asks_stays_prepared_from_one_request_to_the_next(otto: Browser, console: Flask) -> None:
    for _ in range(8):  # the driver prepares what it has sent five times, and forgets it by a rollback
        assert otto.get("/tickets?tab=errored").status_code == 200
    with console.app_context(), db.engine.connect() as connection:  # the one that was used last
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    assert any("counterfoil_tickets" in statement for statement in prepared)
    assert any("counterfoil_sessions" in statement for statement in prepared)
