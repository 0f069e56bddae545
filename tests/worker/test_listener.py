"""On PostgreSQL a row by plain SQL is rung at once, not at the next beat (O24)."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session

from counterfoil import Ticket
from counterfoil.database import make_engine
from counterfoil.doctor.processes import listener as doctor_of_the_listener
from worker.linger import AHEAD_SECONDS
from worker.scheduler import listener as module
from worker.scheduler.run import run_scheduler
from worker.stop import Stop

from .listening import LONG_BEAT_SECONDS, hears, listening, rung
from .scheduling import Stage, settings_for
from .test_scheduler_away import said, until

ITS_OWN = f"application_name = '{module.NAME}' AND datname = current_database()"


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    made = make_engine(postgresql_url)
    yield made
    made.dispose()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know()
    return made


def test_a_row_by_plain_sql_is_rung_without_a_beat(
    stage: Stage, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with listening(stage.engine, redis_url) as scheduler:
        hears(scheduler)
        stage.open(queue="numbers")
        until(lambda: rung(redis_url, "numbers"))
        assert said(caplog, "listening for tickets that plain SQL inserts") == 1


def test_neither_our_own_inserts_nor_those_rolled_back_nor_strange_notices_ring(
    stage: Stage, redis_url: str
) -> None:
    with listening(stage.engine, redis_url) as scheduler:
        hears(scheduler)
        with Session(stage.engine) as session:
            session.add(Ticket(view_model="Work", queue="ours"))
            session.commit()
        with stage.engine.connect() as connection:
            insert = "INSERT INTO counterfoil_tickets (view_model, queue) VALUES ('Work', 'regretted')"
            connection.exec_driver_sql(insert)
            connection.rollback()
        stage.do("SELECT pg_notify('counterfoil', 'made up')")
        stage.do("SELECT pg_notify('counterfoil_echo', 'numbers')")
        stage.open(queue="last")
        until(lambda: rung(redis_url, "last"))  # notices come in the order of the commits
        assert [rung(redis_url, queue) for queue in ("ours", "regretted", "made up", "numbers")] == [0] * 4


def test_a_row_due_in_a_moment_wakes_the_waker_and_rings_a_moment_ahead_of_its_time(
    stage: Stage, redis_url: str
) -> None:
    with listening(stage.engine, redis_url, with_waker=True) as scheduler:
        hears(scheduler)
        until(lambda: scheduler.term is not None)
        stage.open(queue="soon", execute_earliest=timedelta(seconds=0.7))
        until(lambda: rung(redis_url, "soon"))
        [left] = stage.do("SELECT extract(epoch FROM due_at - clock_timestamp()) FROM counterfoil_tickets")
        assert left[0] <= AHEAD_SECONDS


def test_a_connection_that_is_cut_is_told_once_and_listens_again(
    stage: Stage, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {ITS_OWN}"
    with listening(stage.engine, redis_url) as scheduler:
        hears(scheduler)
        assert stage.do(cut)[0][0] == 1
        until(lambda: said(caplog, "listening for tickets that plain SQL inserts again"))
        assert said(caplog, "the listener is away (DATABASE_URL (postgresql+psycopg://") == 1
        stage.open(queue="numbers")
        until(lambda: rung(redis_url, "numbers"))
        until(lambda: scheduler.books["listener"].away is None)


@pytest.mark.parametrize("place", ["nobody_answers", "another_database"])
def test_a_wrong_listen_database_url_is_named_once_and_the_beat_goes_on(
    stage: Stage,
    redis_url: str,
    empty_postgresql_url: str,
    place: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ECHO_SECONDS", 0.1)
    monkeypatch.setattr(module, "LONGEST_BACK_OFF_SECONDS", 0.1)
    url, told = {
        "nobody_answers": ("postgresql://u:hidden@127.0.0.1:1/x", "127.0.0.1"),
        "another_database": (empty_postgresql_url, "LISTEN hears nothing there"),
    }[place]
    with listening(stage.engine, redis_url, url, beat_seconds=0.1) as scheduler:
        book = scheduler.books["listener"]
        until(lambda: book.errors >= 3)
        beats = scheduler.books["idle"].runs
        until(lambda: scheduler.books["idle"].runs > beats)
        [line] = [r.getMessage() for r in caplog.records if "the listener is away" in r.getMessage()]
        assert f"COUNTERFOIL_LISTEN_DATABASE_URL ({make_url(url).render_as_string()}" in line
        assert told in line
        assert "hidden" not in line
        until(lambda: [*doctor_of_the_listener(stage.engine)])
        [finding] = doctor_of_the_listener(stage.engine)
        assert told in finding.what
        assert "COUNTERFOIL_LISTEN_DATABASE_URL" in finding.cure


def test_a_scheduler_that_listens_ends_in_good_order_and_leaves_no_connection(
    postgresql_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The real one, of `counterfoil scheduler`, in the middle of a long beat."""
    caplog.set_level("INFO")
    asked: list[Stop] = []
    monkeypatch.setattr(Stop, "install", lambda stop: asked.append(stop))
    engine = make_engine(postgresql_url)
    settings = settings_for(engine, redis_url=redis_url, beat_seconds=LONG_BEAT_SECONDS)
    thread = threading.Thread(target=run_scheduler, args=(settings,), daemon=True)
    thread.start()
    until(lambda: said(caplog, "listening for tickets that plain SQL inserts"))
    asked[0].ask()
    thread.join(60)
    assert not thread.is_alive()
    until(lambda: not Stage(engine).do(f"SELECT FROM pg_stat_activity WHERE {ITS_OWN}"))
    engine.dispose()
