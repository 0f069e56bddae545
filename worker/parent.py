"""What a worker does with a hint: take the lease, fork a horse for one drain, watch it, account for its end.

A horse that dies takes no neighbour with it: what it ran is charged at once, and another horse goes on with
the same lease. What is left over - the budget was used, the worker was told to stop - is rung for again, at
the tail of the queue. Losing this process costs time only: the horse dies with it, and the lifeline rescues
what it ran when the lease is out.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from sqlalchemy import Connection

from counterfoil.lease import DrainLease, end_lease, renew_lease, revive_lease, take_lease
from counterfoil.settings import Settings

from .clerk import Clerk
from .ending import Cause, Ending, account, still_ours
from .errands import Errands
from .horse import Wish, fork_horse
from .notes import Notes
from .page import Page, Record, Stage
from .pipe import Ear, Message, Mouth, open_pipe
from .queue_bell import QueueBell
from .stop import Stop
from .watch import Watch

log = logging.getLogger("counterfoil.worker")

T = TypeVar("T")

Body = Callable[[DrainLease, Page, Mouth, Wish], None]
"""What a horse does: claims and runs tickets under the lease until there are none, its budget is used or it
wishes to stop."""

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
    ) -> None:
        self.name = name
        self.settings = settings
        self.body = body
        self.clerk = clerk
        self.redis_errands = redis_errands
        self.bell = bell
        self.stop = stop
        self.pulse: Callable[[], object] = _nothing
        self.tick: Callable[[], object] = _nothing
        self.page = Page()

    def drain(self, queue: str) -> int:
        """Act on a hint; how many tickets were run. None are when the queue is paused or its pool is full.

        Raises what the database raises while there is no horse.
        """
        self._silence(queue)
        seconds = self.settings.lease_seconds
        lease = self.clerk.wait(lambda connection: take_lease(connection, queue, self.name, seconds))
        if lease is None:
            return 0
        drain = _Drain(self, lease)
        until = time.monotonic() + self.settings.drain_budget_seconds
        try:
            while drain.run_horse() and not self.stop.asked and time.monotonic() < until:
                pass
        finally:
            drain.end()
        return drain.ran

    def ring(self, queue: str) -> None:
        """Have the bell rung; does not wait."""
        if (bell := self.bell) is not None:
            self.redis_errands.send(lambda: bell.ring(queue))

    def _silence(self, queue: str) -> None:
        if (bell := self.bell) is None:
            return
        silenced = self.redis_errands.send(lambda: bell.silence(queue))
        try:
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


class _Drain:
    """One lease and the horses that live on it; also the duties of their watch."""

    def __init__(self, parent: Parent, lease: DrainLease) -> None:
        self.parent = parent
        self.lease = lease
        self.notes = Notes(lease.id, parent.clerk.ask)
        self.left_over = False
        self.ran = 0

    def run_horse(self) -> bool:
        """Fork one horse and see it to its end; whether another one should go on."""
        parent = self.parent
        self.left_over = False
        parent.page.clear()
        reading, writing = open_pipe()
        ear = Ear(reading)
        with parent.clerk.still() as quiet:
            if not quiet:
                ear.close()
                os.close(writing)
                return False
            pid = fork_horse(
                lambda wish: parent.body(self.lease, parent.page, Mouth(writing), wish), forget=ear.close
            )
        os.close(writing)
        watch = Watch(
            pid,
            parent.page,
            ear,
            self,
            parent.stop,
            renew_seconds=parent.settings.renew_seconds,
            grace_seconds=parent.settings.grace_seconds,
        )
        try:
            ending = watch.until_end()
        except BaseException:
            watch.abandon()
            raise
        finally:
            ear.close()
        return self._account(ending)

    def end(self) -> None:
        """Write what is left to write, free the slot, ring for what is left over."""
        self.notes.finish()
        self.parent.insist(lambda connection: end_lease(connection, self.lease.id))
        if self.left_over:
            self.parent.ring(self.lease.queue)

    # The duties of the watch.

    def renew(self) -> "Future[bool]":
        self.parent.redis_errands.send(self.parent.pulse)
        self.parent.tick()
        return self.parent.clerk.ask(self._renew)

    def check(self, record: Record) -> "Future[bool]":
        return self.parent.clerk.ask(
            lambda connection: still_ours(connection, record.ticket_id, record.fence)
        )

    def hear(self, message: Message) -> None:
        if message.get("ring") is True:
            self.parent.ring(self.lease.queue)
        elif message.get("left_over") is True:
            self.left_over = True
        elif isinstance(ran := message.get("ran"), int):
            self.ran += ran

    def _renew(self, connection: Connection) -> bool:
        seconds = self.parent.settings.lease_seconds
        if renew_lease(connection, self.lease.id, seconds):
            return True
        # Late by an outage, by a long write on SQLite, by a suspended machine.
        revived = revive_lease(connection, self.lease.id, seconds)
        log.warning("drain %s: its lease had run out%s", self.lease.id, ", taken up again" * revived)
        return revived

    def _account(self, ending: Ending) -> bool:
        settings, worker = self.parent.settings, self.parent.name
        if ending.cause is not Cause.DONE:
            log.warning("drain %s: its horse is gone: %s", self.lease.id, _told(ending))
        lines = self.parent.insist(
            lambda connection: account(connection, self.lease.id, ending, worker, settings.app_version)
        )
        for line in lines or ():
            log.warning("%s", line)
        if ending.cause is Cause.DONE:
            return False
        self.left_over = True
        # Nothing was charged: the horse died of something that another one would die of, too.
        begun = ending.record.stage in (Stage.RUNNING, Stage.FINISHING)
        self.ran += begun
        return lines is not None and begun and ending.cause in (Cause.DIED, Cause.TIMEOUT, Cause.TAKEN)


def _told(ending: Ending) -> str:
    if ending.cause is Cause.DIED:
        return ending.how
    return f"ended by us: {ending.cause.value}"


def _nothing() -> None:
    """Until somebody is told."""
