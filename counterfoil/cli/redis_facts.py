"""Asks Redis what the doctor wants to know."""

from ..doctor.redis import RedisFacts

PATIENCE_SECONDS = 2.0


def redis_facts(url: str | None) -> RedisFacts:
    """What is to be seen of the Redis at this URL; never raises for Redis' sake."""
    if url is None:
        return RedisFacts(None)
    from redis import Redis
    from redis.exceptions import RedisError

    shown = without_password(url)
    try:
        with Redis.from_url(
            url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
        ) as connection:
            info = connection.info()
    except (RedisError, OSError, ValueError) as error:
        return RedisFacts(shown, error=str(error).splitlines()[0] if str(error) else type(error).__name__)
    return RedisFacts(
        shown,
        version=str(info.get("redis_version", "")),
        policy=info.get("maxmemory_policy"),
        role=str(info.get("role", "master")),
    )


def without_password(url: str) -> str:
    """The URL as it may stand in an output."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
