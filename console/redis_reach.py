"""Whether Redis answers; asked in passing, so with little patience."""

from redis import Redis
from redis.exceptions import RedisError


def redis_answers(url: str | None, patience_seconds: float = 0.3) -> bool | None:
    """True or False; None when no Redis is configured for this process."""
    if url is None:
        return None
    try:
        with Redis.from_url(
            url, socket_connect_timeout=patience_seconds, socket_timeout=patience_seconds
        ) as connection:
            return bool(connection.ping())
    except (RedisError, OSError):
        return False
