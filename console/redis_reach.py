"""Whether Redis answers and takes writes; asked in passing, so with little patience."""

from redis import Redis
from redis.exceptions import RedisError

PROBE = "counterfoil:probe"


def redis_answers(url: str | None, patience_seconds: float = 0.3) -> bool | None:
    """True or False; None when no Redis is configured for this process.

    One that is full or a replica answers a PING and takes no bell: it is of no use.
    """
    if url is None:
        return None
    try:
        with Redis.from_url(
            url, socket_connect_timeout=patience_seconds, socket_timeout=patience_seconds
        ) as connection:
            return bool(connection.set(PROBE, "1", px=1000))
    except (RedisError, OSError):
        return False
