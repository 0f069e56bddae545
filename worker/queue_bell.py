"""The worker's own ringing: hands over what a drain leaves, and silences the bell before a drain claims."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from counterfoil.bell import bell_key, ring, rq_name

HINTS_WAITING = 1
"""With so many hints waiting in Redis already, one more would only find nothing."""


def short_patience(url: str) -> Redis:
    """A client for calls that may not take long: a second, and no second try."""
    return Redis.from_url(
        url,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )


class QueueBell:
    """Rings for one worker. Every method raises what redis raises."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def silence(self, queue: str) -> None:
        """Whoever opens a ticket from now on rings again: it may be too late for the drain that starts."""
        self.redis.delete(bell_key(queue))

    def ring(self, queue: str) -> None:
        """Ring at the tail of the queue, unless hints wait there."""
        if self.redis.llen(Queue.redis_queue_namespace_prefix + rq_name(queue)) < HINTS_WAITING:
            ring(self.redis, {queue: 0.0})
