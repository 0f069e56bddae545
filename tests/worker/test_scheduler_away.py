"""Redis away or frozen, the database away or locked: logged once, nothing ends, and back again."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, make_url, text

from counterfoil import bell
from counterfoil.database import make_engine
from tests.servers import RedisServer
from worker.scheduler import rings as redis_side
from worker.scheduler.loop import Scheduler
from worker.scheduler.ringer import Ringer
from worker.scheduler.rings import Rings
from worker.scheduler.waker import Waker
from worker.stop import Stop

from .scheduling import Stage, settings_for


def until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


@pytest.mark.alone
@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_redis_that_goes_and_comes_back_costs_a_second_and_two_lines(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    rings = Rings(redis_server.url, Stop())
    assert rings.ring("numbers")
    assert rings.waiting("numbers") == 1
    getattr(redis_server, fault)()
    for _ in range(20):
        started = time.monotonic()
        assert not rings.ring("other")
        assert rings.waiting("other") == 0
        assert time.monotonic() - started < 5
    assert said(caplog, "Redis is away") == 1
    assert rings.as_json()["redis"] is False
    redis_server.thaw() if fault == "freeze" else redis_server.start()
    until(lambda: rings.ring("numbers2"))
    assert said(caplog, "Redis is back") == 1
    assert rings.as_json() == {"redis": True, "error": None, "away_seconds": None}
    rings.close()


def test_without_a_redis_sleep_is_sleep_and_nothing_is_rung() -> None:
    rings = Rings(None, Stop())
    started = time.monotonic()
    assert not rings.sleep(0.2)
    assert time.monotonic() - started >= 0.19
    assert not rings.ring("numbers")


@pytest.fixture
def slow_redis_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that answers after seconds, on a machine that is busy, is not away."""
    monkeypatch.setattr(redis_side, "PATIENCE_SECONDS", 20.0)


@pytest.mark.usefixtures("slow_redis_is_there")
def test_the_wake_list_ends_the_wakers_sleep_and_the_new_ticket_rings_on_time(
    engine: Engine, redis_url: str
) -> None:
    stage = Stage(engine)
    stage.know()
    beat = stage.beat()
    beat.rings = Rings(redis_url, Stop())  # type: ignore[assignment]
    waker, rung = Waker(longest_seconds=3600), []

    def wake() -> None:
        while not (count := waker.act(beat)):
            pass
        rung.append(count)

    thread = threading.Thread(target=wake, daemon=True)
    thread.start()
    stage.open(queue="soon", execute_earliest=timedelta(seconds=1))
    with Redis.from_url(redis_url) as redis:
        bell.ring(redis, {"soon": 1.0})
        thread.join(60)
        assert rung == [1], "it sleeps on"
        assert redis.llen("rq:queue:counterfoil:soon") == 1
    beat.rings.close()


@pytest.mark.usefixtures("slow_redis_is_there")
def test_a_redis_that_was_emptied_is_rung_again_at_the_next_beat(engine: Engine, redis_url: str) -> None:
    stage = Stage(engine)
    stage.know()
    stage.open(queue="numbers")
    beat = stage.beat()
    beat.rings = Rings(redis_url, Stop())  # type: ignore[assignment]
    ringer = Ringer()
    with Redis.from_url(redis_url) as redis:
        for _ in range(2):
            redis.flushdb()
            ringer.act(beat)
            assert redis.llen("rq:queue:counterfoil:numbers") == 1
    beat.rings.close()


def beating(engine: Engine, stop: Stop) -> tuple[Scheduler, threading.Thread]:
    scheduler = Scheduler(settings_for(engine, beat_seconds=0.05, lapse_watch_seconds=1), engine, stop, [])
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    return scheduler, thread


def began_anew(scheduler: Scheduler, since: float) -> None:
    """Wait until the watch is steady again: by writes after that moment only."""
    watch = scheduler.beat.watch
    until(lambda: watch.steady(time.monotonic()))
    assert watch._since is not None
    assert watch._since > since


def test_a_database_that_refuses_connections_is_borne_and_the_watch_begins_anew(
    postgresql_url: str, postgresql_server_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    name = make_url(postgresql_url).database
    engine, stop = make_engine(postgresql_url), Stop()
    server = create_engine(postgresql_server_url, isolation_level="AUTOCOMMIT")
    scheduler, thread = beating(engine, stop)
    until(lambda: scheduler.beat.watch.steady(time.monotonic()))
    with server.connect() as administrator:
        administrator.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        gone = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        administrator.execute(gone, {"name": name})
        until(lambda: said(caplog, "the database does not take our writes") == 1)
        assert not scheduler.beat.watch.steady(time.monotonic())
        in_the_outage = time.monotonic()
        time.sleep(1)
        assert said(caplog, "the database does not take our writes") == 1
        administrator.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    until(lambda: said(caplog, "the database is back") == 1)
    began_anew(scheduler, in_the_outage)
    stop.ask()
    thread.join(60)
    assert not thread.is_alive()
    engine.dispose()
    server.dispose()


def test_a_long_write_on_sqlite_makes_the_watch_begin_anew(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine, stop = make_engine(sqlite_url), Stop()
    other = make_engine(sqlite_url)
    scheduler, thread = beating(engine, stop)
    until(lambda: scheduler.beat.watch.steady(time.monotonic()))
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        until(lambda: said(caplog, "the database does not take our writes") == 1)
        assert not scheduler.beat.watch.steady(time.monotonic())
        in_the_outage = time.monotonic()
        connection.exec_driver_sql("ROLLBACK")
    began_anew(scheduler, in_the_outage)
    assert said(caplog, "the database is back") == 1
    stop.ask()
    thread.join(60)
    for one in (engine, other):
        one.dispose()
