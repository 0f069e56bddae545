"""The parent's eye on one horse: its page, its pipe, its deadline, the lease, the wish to stop.

Nothing in the loop waits but for a fifth of a second: what may hang is the clerk's. At a deadline the horse
is stopped first and its page read again: only the fence named is killed, and only while its work runs.
It cannot see further into the horse than the page tells.
"""

import logging
import os
import select
import signal
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from .ending import Cause, Ending
from .horse import end_horse, has_ended, signal_group
from .notes import Notes
from .page import NEVER, Page, PageUnreadable, Record, Stage
from .pipe import Ear, Message, wait_for
from .stop import Stop

log = logging.getLogger("counterfoil.worker")

TICK_SECONDS = 0.2
FENCE_CHECK_SECONDS = 2.0
NOTES_SECONDS = 0.3
ENDING_SECONDS = 0.05
STOPPED_WITHIN_SECONDS = 0.5
LAST_WORDS = 64
"""So many full buffers are read from the pipe of a horse that has ended: more than the pipe holds."""


class Duties(Protocol):
    """What the watch has others do for this drain; none of these waits."""

    notes: Notes

    def renew(self) -> "Future[bool]":
        """Push the lease ahead; False when it had run out."""

    def check(self, record: Record) -> "Future[bool]":
        """Whether the record's ticket still runs under the record's fence."""

    def hear(self, message: Message) -> None:
        """A message of the horse that is no note: a ring, how its drain ended."""


class Watch:
    """Watches one horse to its end."""

    def __init__(
        self,
        pid: int,
        page: Page,
        ear: Ear,
        duties: Duties,
        stop: Stop,
        *,
        renew_seconds: float,
        grace_seconds: float,
    ) -> None:
        self.pid = pid
        self.page = page
        self.ear = ear
        self.duties = duties
        self.stop = stop
        self.renew_seconds = renew_seconds
        self.grace_seconds = grace_seconds
        self.cause: Cause | None = None
        self._told_to_stop_at: float | None = None
        self._deaf_since: float | None = None
        now = time.monotonic()
        self._renew_at = now + renew_seconds
        self._check_at = now + FENCE_CHECK_SECONDS
        self._write_at = now + NOTES_SECONDS
        self._renewal: Future[bool] | None = None
        self._check: tuple[Record, Future[bool]] | None = None

    def until_end(self) -> Ending:
        """Watch; returns when the horse and all of its process group are gone."""
        while not self._ended():
            record = self._record()
            self._wait(record)
            self._listen()
            self._keep_deadline(record)
            self._keep_lease()
            self._keep_fence(record)
            self._keep_stop()
        # It is a zombie still: its number and its group's cannot be anybody else's yet.
        signal_group(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        for _ in range(LAST_WORDS):
            if not self._listen():
                break
        record = self._record()
        if self.cause is None and self._told_to_stop_at and status == signal.SIGTERM:
            self.cause = Cause.STOPPED  # the work had put our handler aside: it is our signal all the same
        if self.cause is not None:
            return Ending(self.cause, status, record)
        well = status == 0 and record.stage is Stage.IDLE
        return Ending(Cause.DONE if well else Cause.DIED, status, record)

    def _ended(self) -> bool:
        return has_ended(self.pid)

    def _record(self) -> Record:
        try:
            return self.page.read()
        except PageUnreadable:
            return Record(Stage.RUNNING)

    def _wait(self, record: Record) -> None:
        seconds = TICK_SECONDS
        if record.deadline != NEVER:
            seconds = max(0.0, min(seconds, record.deadline - time.monotonic()))
        if not self.ear.ended:
            wait_for(self.ear.descriptor, select.POLLIN, seconds)
            return
        # It ends this very moment, and the next drain waits; or its work closed our pipe and goes on.
        self._deaf_since = self._deaf_since or time.monotonic()
        is_ending = time.monotonic() - self._deaf_since < ENDING_SECONDS
        time.sleep(min(seconds, 0.001 if is_ending else 0.02))

    def _listen(self) -> int:
        heard = 0
        for message in self.ear.messages():
            heard += 1
            if message.keys() & {"log", "progress", "dropped"}:
                self.duties.notes.take(message)
            else:
                self.duties.hear(message)
        now = time.monotonic()
        if now >= self._write_at:
            self._write_at = now + NOTES_SECONDS
            self.duties.notes.write()
        return heard

    def abandon(self) -> None:
        """End the horse because its watch broke off: nobody else would."""
        end_horse(self.pid)

    def _keep_deadline(self, record: Record) -> None:
        # Only work that runs is killed at a deadline; a finish has one of its own, for a driver that hangs.
        if self.cause is not None or not _overdue(record):
            return
        os.kill(self.pid, signal.SIGSTOP)
        until = time.monotonic() + STOPPED_WITHIN_SECONDS
        options = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, self.pid, options) is None and time.monotonic() < until:
            time.sleep(0.001)
        now = self._record()
        if _overdue(now) and now.names(record.ticket_id, record.fence):
            self._kill(Cause.TIMEOUT)
        else:
            os.kill(self.pid, signal.SIGCONT)

    def _keep_lease(self) -> None:
        if self._renewal is not None and self._renewal.done():
            renewal, self._renewal = self._renewal, None
            if renewal.exception() is None and not renewal.result():
                self._kill(Cause.LEASE)
        now = time.monotonic()
        if self._renewal is None and now >= self._renew_at:
            self._renew_at = now + self.renew_seconds
            self._renewal = self.duties.renew()

    def _keep_fence(self, record: Record) -> None:
        if self._check is not None and self._check[1].done():
            (asked, answer), self._check = self._check, None
            # An answer about a ticket that is over says nothing about the one that runs now.
            if answer.exception() is None and not answer.result() and asked == self._record():
                self._kill(Cause.TAKEN)
        now = time.monotonic()
        if self._check is None and now >= self._check_at:
            self._check_at = now + FENCE_CHECK_SECONDS
            if record.stage is Stage.RUNNING and record.fence:
                self._check = record, self.duties.check(record)

    def _keep_stop(self) -> None:
        if not self.stop.asked:
            return
        now = time.monotonic()
        if self._told_to_stop_at is None:
            self._told_to_stop_at = now
            _signal(self.pid, signal.SIGTERM)
            log.info("horse %d: told to stop after its ticket, within %g s", self.pid, self.grace_seconds)
        if self.stop.at_once or now - self._told_to_stop_at >= self.grace_seconds:
            self._kill(Cause.STOPPED)

    def _kill(self, cause: Cause) -> None:
        if self.cause is None:
            self.cause = cause
        signal_group(self.pid, signal.SIGKILL)
        _signal(self.pid, signal.SIGKILL)


def _overdue(record: Record) -> bool:
    return record.deadline != NEVER and time.monotonic() >= record.deadline


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
