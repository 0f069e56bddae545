"""The bell: tells RQ's workers that something is due. A hint; losing it costs a beat, never a ticket.

One key with a second to live keeps a thousand commits from enqueueing a thousand drains: only who sets
`counterfoil:bell:<queue>` enqueues one, with a random id (RQ's `unique` refuses bells after a crash). A
thread does it, so that a dead, silent or slow Redis costs the caller at most WAIT_SECONDS, once; after that
the bell is not tried for QUIET_SECONDS. Only this module of the core knows Redis and RQ.
"""

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

WAIT_SECONDS = 0.015
QUIET_SECONDS = 5.0
TELL_SECONDS = 300.0
"""A machine that is often too slow for a bell need not say so each time."""
RINGS_MS = 1000
FUNCTION = "counterfoil.drain"
WAKE = "counterfoil:wake"
"""A list the scheduler's waker blocks on: queues whose new tickets are due before its next look."""

log = logging.getLogger(__name__)


def rq_name(queue: str) -> str:
    """The RQ queue that drains of this queue are enqueued on."""
    return f"counterfoil:{queue}"


def bell_key(queue: str) -> str:
    """The key that says "rung already"; a drain deletes it before its first claim."""
    return f"counterfoil:bell:{queue}"


def ring(redis: Redis, due: Mapping[str, float]) -> list[str]:
    """Ring the queues whose bell is silent; at most two round trips. Returns the queues rung.

    `due`: queue -> seconds until something is due; what is not due yet is told to the scheduler's waker.
    Raises what redis raises.
    """
    now = [queue for queue, seconds in due.items() if seconds <= 0]
    later = [queue for queue, seconds in due.items() if seconds > 0]
    with redis.pipeline(transaction=False) as first:
        for queue in now:
            first.set(bell_key(queue), "1", nx=True, px=RINGS_MS)
        if later:
            first.rpush(WAKE, *later)
            first.ltrim(WAKE, -16, -1)
            first.pexpire(WAKE, 2 * RINGS_MS)
        answers = first.execute()
    rung = [queue for queue, is_first in zip(now, answers, strict=False) if is_first]
    if rung:
        with redis.pipeline(transaction=True) as second:
            for queue in rung:
                _enqueue(redis, queue, second)
            second.execute()
    return rung


def _enqueue(redis: Redis, queue: str, pipeline: Any) -> None:
    target = Queue(rq_name(queue), connection=redis, serializer=JSONSerializer)
    target.redis_server_version = (6, 2, 0)  # else RQ asks for INFO; only noted on the job
    job = Job.create(
        FUNCTION,
        args=[queue],
        id=uuid4().hex,
        connection=redis,
        serializer=JSONSerializer,
        timeout=-1,
        result_ttl=0,
        failure_ttl=3600,
        description=f"drain {queue}",
    )
    target.enqueue_job(job, pipeline=pipeline)


_Wish = tuple[Mapping[str, float], threading.Event]


class Bell:
    """Rings a Redis from within the caller's process, after its commits; the `Ringer` of a host."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # A thread does not survive a fork, and a connection must not be shared across one.
        self._lock = threading.Lock()
        self._wishes: SimpleQueue[_Wish] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._told_at: float | None = None

    def get_ready(self) -> None:
        """Start the thread and connect, ahead of the commit that will ring. Never waits, never raises."""
        if self._thread is None and time.monotonic() >= self._quiet_until:
            with suppress(Exception):
                self._start()

    def ring(self, due: Mapping[str, float]) -> None:
        """Ring, and wait until it is done, at most WAIT_SECONDS. Never raises."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            done = threading.Event()
            self._start()
            self._wishes.put((due, done))
            if not done.wait(WAIT_SECONDS):
                self._be_quiet("did not answer in time")
        except Exception as error:  # no thread to be had
            self._be_quiet(str(error))

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="counterfoil-bell", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        redis = Redis.from_url(
            self.url,
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        with suppress(Exception), redis.pipeline() as unsent:
            redis.ping()
            _enqueue(redis, "", unsent)  # the first time through RQ's code takes milliseconds
        while True:
            due, done = self._wishes.get()
            began = time.monotonic()
            try:
                try:
                    ring(redis, due)
                except RedisConnectionError:
                    ring(redis, due)  # the connection was an old one
                if time.monotonic() - began < WAIT_SECONDS:
                    self._quiet_until = 0.0  # it was this process that was slow, not Redis
            except Exception as error:
                self._be_quiet(str(error) or type(error).__name__)
            finally:
                done.set()

    def _be_quiet(self, why: str) -> None:
        if time.monotonic() >= self._quiet_until:
            self._tell(why)
        self._quiet_until = time.monotonic() + QUIET_SECONDS

    def _tell(self, why: str) -> None:
        if self._told_at is None or time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            log.warning(
                "Redis %s: bells are left out for %g s at a time. Nothing is lost: what was opened starts "
                "at the scheduler's next beat",
                why,
                QUIET_SECONDS,
            )
