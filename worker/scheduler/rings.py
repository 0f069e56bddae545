"""The scheduler's side of Redis: rings bells, waits to be woken, and bears with a Redis that is away.

Nothing here raises for Redis' sake. While it is away a call returns at once and it is tried again every
second; both turns are logged once.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from counterfoil import bell

from ..stop import Stop

log = logging.getLogger("counterfoil.scheduler")

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
TRY_AGAIN_SECONDS = 1.0
PROBE = "counterfoil:probe"
NONE_NAMED = "REDIS_URL is not set"


class Rings:
    """Redis as one scheduler sees it. `url` None: there is none, and the database's beat is all."""

    def __init__(self, url: str | None, stop: Stop) -> None:
        self._stop = stop
        self._quiet_until = 0.0
        self._away_since: float | None = None
        self.error: str | None = None if url else NONE_NAMED
        self._redis: Redis | None = (
            Redis.from_url(
                url,
                socket_timeout=PATIENCE_SECONDS,
                socket_connect_timeout=PATIENCE_SECONDS,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
            if url
            else None
        )

    def ring(self, queue: str) -> bool:
        """Ring a queue; whether its bell was silent, so that a hint was added."""
        return self._call(lambda redis: bool(bell.ring(redis, {queue: 0.0})), False)

    def waiting(self, queue: str) -> int:
        """How many hints for this queue no worker has taken yet."""
        key = f"rq:queue:{bell.rq_name(queue)}"
        return self._call(lambda redis: int(redis.llen(key)), 0, writes=False)

    def sleep(self, seconds: float) -> bool:
        """Sleep, but no longer than until somebody pushes on the wake list; whether that happened.

        In slices shorter than the socket's patience, so that a frozen Redis shows and TERM is heard.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.asked:
            slice_seconds = min(left, PATIENCE_SECONDS / 2)
            if slice_seconds < 0.01 or self._is_quiet():
                self._stop.sleep(slice_seconds)
                continue
            pushed = self._pushed(slice_seconds)
            if pushed:
                return True
        return False

    def _pushed(self, seconds: float) -> object:
        return self._call(lambda redis: redis.blpop([bell.WAKE], seconds), None, writes=False)

    def wake(self, queue: str) -> None:
        """End the waker's sleep: something of this queue may be due before it looks again."""
        self._call(lambda redis: bool(bell.ring(redis, {queue: 1.0})), False)

    def look(self) -> None:
        """Write something, so that a Redis that is away, full or read-only shows although nothing is due."""
        self._call(lambda redis: redis.set(PROBE, "1", px=1000), None)

    def as_json(self) -> dict[str, object]:
        """For `reachable` in the scheduler's row."""
        away = self._away_since
        return {
            "redis": self.error is None,
            "error": self.error,
            "away_seconds": None if away is None else round(time.monotonic() - away),
        }

    def close(self) -> None:
        """Close the connections."""
        if self._redis:
            self._redis.close()

    def _is_quiet(self) -> bool:
        return self._redis is None or time.monotonic() < self._quiet_until

    def _call(self, call: Callable[[Redis], T], otherwise: T, writes: bool = True) -> T:
        if self._redis is None or self._is_quiet():
            return otherwise
        try:
            answer = call(self._redis)
        except (RedisError, OSError) as error:
            self._is_away(error)
            return otherwise
        if writes:  # one that is full or read-only still answers questions
            self._is_back()
        return answer

    def _is_away(self, error: Exception) -> None:
        now = time.monotonic()
        self._quiet_until = now + TRY_AGAIN_SECONDS
        if self._away_since is None:
            self._away_since = now
            log.warning(
                "Redis is away or takes no writes (%s): nothing is lost, tickets wait until it is back", error
            )
        self.error = f"{type(error).__name__}: {error}"[:200]

    def _is_back(self) -> None:
        if self._away_since is not None:
            log.warning("Redis is back after %.0f s", time.monotonic() - self._away_since)
        self._away_since = self.error = None
