"""F34: everything works through PgBouncer in transaction mode: the next transaction has another session."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, insert, make_url, text

from console import passwords
from console.app import create_console
from console.database import db
from counterfoil import schema
from counterfoil.database import make_engine
from counterfoil.settings import Settings
from counterfoil.tables import User, ViewModelRecord
from tests.console.browser import PASSWORD, Browser
from tests.crash.stage import Stage, wait_until
from tests.servers.pgbouncer import SESSIONS, PgBouncer
from tests.worker.listening import hears, listening, rung
from worker.scheduler import listener


@pytest.fixture(scope="module")
def bouncer(run_folder: Path, postgresql_server_url: str) -> Iterator[PgBouncer]:
    made = PgBouncer(run_folder / f"pgbouncer-{uuid4().hex[:8]}", postgresql_server_url)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def through(bouncer: PgBouncer, postgresql_url: str) -> str:
    """The address of this test's database by way of the pooler."""
    return bouncer.url_of(postgresql_url)


@pytest.fixture
def engine(through: str) -> Iterator[Engine]:
    made = make_engine(through)
    yield made
    made.dispose()


@pytest.fixture
def stage(through: str, engine: Engine, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(through, engine, redis_url, tmp_path)
    yield made
    made.close()


def settings_of_all_sessions(url: str, name: str) -> set[str]:
    """What the pooler's sessions were left with, seen as another client of the same pool."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as all_at_once:
        clients = [all_at_once.enter_context(psycopg.connect(plain)) for _ in range(SESSIONS)]
        return {str(client.execute(f"SHOW {name}").fetchone()) for client in clients}


def test_tickets_are_opened_claimed_run_and_finished_lane_by_lane(stage: Stage) -> None:
    worker = stage.worker()
    tickets = [stage.open(lane="one" if n % 2 else None) for n in range(10)]
    failing = stage.open(what="kill once")
    for ticket in [*tickets, failing]:
        row = stage.reached(ticket, "done")
        assert row.attempts == (2 if ticket == failing else 1)
    assert worker.stop() == 0
    assert "prepared statement" not in worker.text()
    stage.check()


def test_nothing_that_is_ours_stays_behind_in_the_poolers_sessions(stage: Stage, through: str) -> None:
    for _ in range(10):  # more often than psycopg waits before it prepares
        assert stage.query("SHOW enable_bitmapscan") == [("off",)]
    assert stage.query("SHOW jit") == [("off",)]
    assert settings_of_all_sessions(through, "enable_bitmapscan") == {"('on',)"}
    assert stage.query("SELECT count(*) FROM pg_prepared_statements") == [(0,)]


def test_the_migrations_run_through_it(bouncer: PgBouncer, empty_postgresql_url: str) -> None:
    url = bouncer.url_of(empty_postgresql_url)
    schema.upgrade(url)
    schema.check(url)


def test_the_scheduler_says_that_it_cannot_listen_there_and_listens_by_a_direct_address(
    stage: Stage, postgresql_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(listener, "ECHO_SECONDS", 0.2)
        with listening(stage.engine, redis_url) as scheduler:
            wait_until(lambda: scheduler.books["listener"].away, "a word of the listener's")
            assert "COUNTERFOIL_LISTEN_DATABASE_URL" in str(scheduler.books["listener"].away)
    with stage.engine.begin() as connection:
        connection.execute(insert(ViewModelRecord).values(name="Crash.work", sort="target"))
    with listening(stage.engine, redis_url, postgresql_url) as scheduler:
        hears(scheduler)
        with stage.engine.begin() as connection:
            connection.execute(text("INSERT INTO counterfoil_tickets (view_model) VALUES ('Crash.work')"))
        wait_until(lambda: rung(redis_url, "default"), "the bell")


def test_the_console_lists_and_acts_within_its_limits(
    stage: Stage, through: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = stage.open(ring=False)
    with stage.engine.begin() as connection:
        hashed = passwords.hash_password(PASSWORD)
        connection.execute(insert(User).values(name="otto", role="operator", password_hash=hashed))
    key = "a key for tests, and long enough for them"
    console: Any = create_console(Settings(database_url=through, data=tmp_path, secret_key=key))
    otto = Browser(console)
    assert otto.sign_in("otto").status_code == 303
    for _ in range(8):
        page = otto.get("/tickets")
        assert page.status_code == 200
        assert f"/tickets/{ticket}" in page.text
    with console.app_context():
        assert db.session.execute(text("SHOW statement_timeout")).scalar() == "5s"
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    assert settings_of_all_sessions(through, "statement_timeout") == {"('0',)"}
