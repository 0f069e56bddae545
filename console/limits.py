"""How often one may sign in wrongly (S13): counted per address and per account, shared by the processes.

Counts live in Redis, and in the process besides: a dead Redis must neither lock people out nor let a page
fail, and then each process counts for itself. An address is refused after 20 bad ones in a quarter of an
hour. An account is refused after 100 in an hour, but not to an address from which it was used before: else
anybody could lock a person out. Tested before a password is checked, counted after: as many more as there are
threads may slip through at once.
"""

import logging
import time
from typing import Literal

from flask import Flask, current_app
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

PER_ADDRESS = RateLimitItemPerMinute(20, 15)
PER_ACCOUNT = RateLimitItemPerHour(100)
AWAY_SECONDS = 5.0
PATIENCE_SECONDS = 0.3
_log = logging.getLogger(__name__)


class BadSignIns:
    """The counts of one process, and those that it shares."""

    def __init__(self, redis_url: str | None) -> None:
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = FixedWindowRateLimiter(_storage(redis_url)) if redis_url else None
        self._away_until = 0.0

    def too_many_from(self, address: str) -> bool:
        """Whether this address has had its bad ones."""
        return not self._each("test", PER_ADDRESS, address)

    def too_many_for(self, name: str) -> bool:
        """Whether this account has had its bad ones, from wherever."""
        return not self._each("test", PER_ACCOUNT, name)

    def count(self, address: str, name: str) -> None:
        """One bad one more."""
        self._each("hit", PER_ADDRESS, address)
        self._each("hit", PER_ACCOUNT, name)

    def _each(self, what: Literal["test", "hit"], limit: RateLimitItem, key: str) -> bool:
        here = bool(getattr(self._own, what)(limit, "sign-in", key))
        if self._shared is None or time.monotonic() < self._away_until:
            return here
        try:
            return bool(getattr(self._shared, what)(limit, "sign-in", key)) and here
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            _log.warning("Redis does not count sign-ins (%s): this process counts for itself", error)
            return here


def install(app: Flask) -> None:
    """Count for this app."""
    app.extensions["counterfoil_bad_sign_ins"] = BadSignIns(app.config["COUNTERFOIL"].redis_url)


def bad_sign_ins() -> BadSignIns:
    """The counts of the app in use."""
    counts: BadSignIns = current_app.extensions["counterfoil_bad_sign_ins"]
    return counts


def _storage(url: str) -> Storage:
    made = storage_from_string(
        url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url,
        key_prefix="counterfoil:limits",
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=PATIENCE_SECONDS,
    )
    assert isinstance(made, Storage)
    return made
