"""A scheduler that listens and whose beat is far away: what is rung, its listener has rung."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from sqlalchemy import Engine

from worker.scheduler.duty import Beat
from worker.scheduler.listener import Listener
from worker.scheduler.loop import Scheduler
from worker.scheduler.run import scheduler_engine
from worker.scheduler.waker import Waker
from worker.stop import Stop

from .scheduling import settings_for
from .test_scheduler_away import until

LONG_BEAT_SECONDS = 60.0


class Idle:
    """A duty that shows that the loop beats."""

    word = "idle"
    every_seconds = 0.0

    def act(self, beat: Beat) -> int:
        return 1


@contextmanager
def listening(
    engine: Engine,
    redis_url: str,
    listen_database_url: str | None = None,
    beat_seconds: float = LONG_BEAT_SECONDS,
    with_waker: bool = False,
) -> Iterator[Scheduler]:
    """A scheduler with a listener and without a ringer: what is rung, the listener has rung."""
    settings = settings_for(
        engine, redis_url=redis_url, beat_seconds=beat_seconds, listen_database_url=listen_database_url
    )
    own, stop = scheduler_engine(settings.database_url), Stop()
    waker = Waker(settings.beat_seconds) if with_waker else None
    scheduler = Scheduler(settings, own, stop, [Idle()], waker, Listener(settings))
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    try:
        yield scheduler
    finally:
        stop.ask()
        thread.join(60)
        own.dispose()
        assert not thread.is_alive()


def hears(scheduler: Scheduler, turns: int = 0) -> None:
    until(lambda: scheduler.books["listener"].runs > turns)


def rung(redis_url: str, queue: str) -> int:
    """How many hints wait for a queue."""
    with Redis.from_url(redis_url) as redis:
        return int(redis.llen(f"rq:queue:counterfoil:{queue}"))
