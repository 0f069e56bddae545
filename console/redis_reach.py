"""Whether Redis answers and takes writes; asked in passing, so with little patience."""

from functools import lru_cache

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

PROBE = "counterfoil:probe"


def redis_answers(url: str | None, patience_seconds: float = 0.3) -> bool | None:
    """True or False; None when no Redis is configured for this process.

    One that is full or a replica answers a PING and takes no bell: it is of no use.
    """
    if url is None:
        return None
    try:
        return bool(_connected(url, patience_seconds).set(PROBE, "1", px=1000))
    except (RedisError, OSError):
        return False


@lru_cache(maxsize=8)
def _connected(url: str, patience_seconds: float) -> Redis:
    # Kept: a new one reads the library's own version from its package, a fifth of the overview's time. One
    # whose server went away in the meantime is made anew before it is used.
    return Redis.from_url(
        url,
        socket_connect_timeout=patience_seconds,
        socket_timeout=patience_seconds,
        retry=Retry(NoBackoff(), 0),
    )
