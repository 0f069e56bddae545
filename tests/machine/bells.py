"""The bells of the machine: the real hints in a real Redis, rung by the product, spoilt by the machine.

A bell that was rung stays silent for a second of real time; here until `next_second`.
"""

from collections.abc import Mapping
from typing import Any

from redis import Redis

from counterfoil import bell
from tests.machine.application import QUEUES
from worker.scheduler.rings import Rings
from worker.stop import Stop


class Bells(Rings):
    """Redis as the application's ringer and the scheduler see it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, Stop())
        self.redis: Any = Redis.from_url(url, decode_responses=True)

    def get_ready(self) -> None:
        """A commit that will ring is under way."""

    def ring(self, due: Mapping[str, float] | str) -> bool:
        """Ring what is due, after a commit; or a queue, as a duty does."""
        rung = bell.ring(self.redis, {due: 0.0} if isinstance(due, str) else due)
        for queue in rung:
            self.redis.persist(bell.bell_key(queue))
        return bool(rung)

    def next_second(self) -> None:
        """Bells may be rung again."""
        self.redis.delete(*map(bell.bell_key, QUEUES))

    def flush(self) -> None:
        """All of Redis is gone."""
        self.redis.flushdb()

    def answer(self, queue: str) -> bool:
        """A worker takes a hint and begins its drain: whether there was one."""
        found = self.redis.lpop(self._key(queue))
        self.redis.delete(bell.bell_key(queue))
        return found is not None

    def lose(self, queue: str) -> None:
        """A hint is lost with the worker that took it."""
        self.redis.lpop(self._key(queue))

    def double(self, queue: str) -> None:
        """A message comes twice."""
        if (found := self.redis.lindex(self._key(queue), 0)) is not None:
            self.redis.rpush(self._key(queue), found)

    def reorder(self, queue: str) -> None:
        """The first message comes last."""
        if (found := self.redis.lpop(self._key(queue))) is not None:
            self.redis.rpush(self._key(queue), found)

    def _key(self, queue: str) -> str:
        return f"rq:queue:{bell.rq_name(queue)}"
