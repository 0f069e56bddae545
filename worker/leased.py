"""One lease and the horses that live on it: forked one after the other, watched, accounted for."""

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from counterfoil.lease import DrainLease, end_lease, renew_lease, revive_lease

from .ending import Cause, Ending, account, still_ours
from .errands import PATIENCE_SECONDS
from .notes import Notes
from .page import Record, Stage
from .pipe import Message
from .watch import Watch

if TYPE_CHECKING:
    from .parent import Parent

log = logging.getLogger("counterfoil.worker")


class Leased:
    """A drain, from its lease to its end; also the duties of its horses' watch."""

    def __init__(self, parent: "Parent", lease: DrainLease) -> None:
        self.parent = parent
        self.lease = lease
        self.notes = Notes(lease.id, parent.clerk.ask)
        self.left_over = False
        self.ran = 0

    def run_horse(self) -> bool:
        """See one horse to its end; whether another should go on. Raises OSError: no process is to be had."""
        parent = self.parent
        self.left_over = False
        horse = parent.stable.horse(self.lease, PATIENCE_SECONDS)
        if horse is None:
            return False
        watch = Watch(
            horse.pid,
            horse.page,
            horse.ear,
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
            horse.release()
        return self._account(ending, horse.was_spare)

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

    def _account(self, ending: Ending, was_spare: bool) -> bool:
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
        begun = ending.record.stage in (Stage.RUNNING, Stage.FINISHING)
        self.ran += begun
        # Where nothing was charged, the horse died of something that another one would die of, too - unless
        # it had been struck while it waited.
        return (
            lines is not None
            and (begun or was_spare)
            and ending.cause in (Cause.DIED, Cause.TIMEOUT, Cause.TAKEN)
        )


def _told(ending: Ending) -> str:
    if ending.cause is Cause.DIED:
        return ending.how
    return f"ended by us: {ending.cause.value}"
