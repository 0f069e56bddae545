"""What a worker does with a hint: take the lease, fork a horse for one drain, watch it, account for its end.

A horse that dies takes no neighbour with it: what it ran is charged at once, and another horse goes on with
the same lease. What is left over - the budget was used, the worker was told to stop - is rung for again, at
the tail of the queue. Losing this process costs time only: the horse dies with it, and the lifeline rescues
what it ran when the lease is out.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from counterfoil.lease import take_lease
from counterfoil.settings import Settings

from .clerk import Clerk
from .errands import Errands
from .leased import Leased
from .queue_bell import QueueBell
from .stable import Body, Stable
from .stop import Stop

log = logging.getLogger("counterfoil.worker")

T = TypeVar("T")

INSIST_SECONDS = 10.0
SILENCE_SECONDS = 0.3


class Parent:
    """One worker's side of its drains.

    Redis may hang: the bell and `pulse` (the worker's heartbeat there) are sent on errands. `tick` renews the
    worker's row; it never waits.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        body: Body,
        *,
        clerk: Clerk,
        redis_errands: Errands,
        bell: QueueBell | None,
        stop: Stop,
        warm: Sequence[Callable[[], object]] = (),
    ) -> None:
        self.name = name
        self.settings = settings
        self.clerk = clerk
        self.redis_errands = redis_errands
        self.bell = bell
        self.stop = stop
        self.pulse: Callable[[], object] = _nothing
        self.tick: Callable[[], object] = _nothing
        self.stable = Stable(body, self._still, warm)

    def drain(self, queue: str) -> int:
        """Act on a hint; how many tickets were run. None are when the queue is paused or its pool is full.

        Raises what the database raises while there is no horse.
        """
        silenced = self._silence(queue)
        seconds = self.settings.lease_seconds
        lease = self.clerk.wait(lambda connection: take_lease(connection, queue, self.name, seconds))
        if lease is None:
            return 0
        self._is_silent(queue, silenced)
        drain = Leased(self, lease)
        until = time.monotonic() + self.settings.drain_budget_seconds
        try:
            while drain.run_horse() and not self.stop.asked and time.monotonic() < until:
                pass
        finally:
            drain.end()
        return drain.ran

    def idle(self) -> None:
        """Between two hints: a spare horse is kept ready. Does not wait and does not raise."""
        if not self.stop.asked:
            self.stable.keep_spare()

    def ring(self, queue: str) -> None:
        """Have the bell rung; does not wait."""
        if (bell := self.bell) is not None:
            self.redis_errands.send(lambda: bell.ring(queue))

    @contextmanager
    def _still(self, seconds: float) -> Iterator[bool]:
        # No thread of ours may be at work while we fork: what it holds stays locked in the child for ever.
        with self.clerk.still(seconds) as quiet, self.redis_errands.still(seconds):
            yield quiet

    def _silence(self, queue: str) -> "Future[None] | None":
        bell = self.bell
        return None if bell is None else self.redis_errands.send(lambda: bell.silence(queue))

    def _is_silent(self, queue: str, silenced: "Future[None] | None") -> None:
        """The bell is silenced before the first claim: who opens a ticket after it rings again."""
        try:
            if silenced is not None:
                silenced.result(timeout=SILENCE_SECONDS)
        except Exception as error:  # the key has a second to live
            log.debug("queue %s: its bell was not silenced: %s", queue, type(error).__name__)

    def insist(self, call: Callable[[Connection], T], seconds: float = INSIST_SECONDS) -> T | None:
        """Ask the clerk again and again for at most `seconds`; None when it came to nothing."""
        until = time.monotonic() + seconds
        while True:
            try:
                return self.clerk.wait(call)
            except Exception as error:
                log.warning("the database does not take it: %s: %s", type(error).__name__, error)
                if time.monotonic() >= until or self.stop.at_once:
                    return None
                time.sleep(0.25)


def _nothing() -> None:
    """Until somebody is told."""
