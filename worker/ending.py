"""How a horse ended, and what that means for what it ran.

The page says how far the horse was; the database says what is still running under the drain. A ticket whose
work had begun costs its attempt at once; one that was only claimed is given back, and so is one that we ended
at the end of a grace. Everything names the fence: where the horse had committed, or somebody had replaced the
fence, nothing is found and nothing is written.
"""

import os
from dataclasses import dataclass, replace
from enum import Enum

from sqlalchemy import Connection, text

from counterfoil import settle
from counterfoil.errors import Failure
from counterfoil.gathering import MOST

from .page import Record, Stage


class Cause(Enum):
    """Why a horse is no more."""

    DONE = "done"  # it came to the end of its drain
    DIED = "died"  # by itself: a signal, an exit, a crash
    TIMEOUT = "timeout"  # we killed it at its ticket's deadline
    LEASE = "lease"  # we killed it: its drain's lease had run out
    TAKEN = "taken"  # we killed it: somebody replaced its ticket's fence
    STOPPED = "stopped"  # we killed it: told to stop, and the grace was over


@dataclass(frozen=True)
class Ending:
    """A horse's end. `status` as waitpid gives it, `record` what its page said last."""

    cause: Cause
    status: int
    record: Record

    @property
    def how(self) -> str:
        """In words: "killed (signal 9)", "exited with 3"."""
        if os.WIFSIGNALED(self.status):
            return f"killed (signal {os.WTERMSIG(self.status)})"
        return f"exited with {os.WEXITSTATUS(self.status)}"

    def failure(self) -> Failure:
        """The failed attempt that this ending is, for the ticket whose work had begun."""
        if self.cause is Cause.TIMEOUT and self.record.stage is Stage.FINISHING:
            return Failure("lost", "worker killed: the finish hung", fingerprint="lost: finish")
        if self.cause is Cause.TIMEOUT:
            seconds = f"{self.record.timeout_seconds:g}"
            return Failure(
                "timeout",
                f"timeout: it ran longer than its {seconds} s and was killed",
                fingerprint="timeout",
            )
        if self.cause is Cause.LEASE:
            return Failure("lost", "worker lost: its lease ran out", fingerprint="lost: lease")
        middle = "" if os.WIFSIGNALED(self.status) else " in the middle of the work"
        return Failure("lost", f"worker {self.how}{middle}", fingerprint=f"lost: {self.status}")

    def charges(self, ticket_id: int, fence: str) -> bool:
        """Whether this ticket's work had begun and pays for the ending."""
        if self.cause is Cause.STOPPED or self.record.stage not in (Stage.RUNNING, Stage.FINISHING):
            return False
        # A page that could not be read tells nothing: better one attempt too many than poison for free.
        return self.record.names(ticket_id, fence) or not self.record.fence


def account(
    connection: Connection, drain_id: str, ending: Ending, worker: str, app_version: str | None
) -> list[str]:
    """Settle what is still running under the drain after its horse ended; a line per ticket, for the log.

    Index: counterfoil_tickets_running.
    """
    found = connection.execute(
        text(
            "SELECT id, fence FROM counterfoil_tickets "
            "WHERE state = 'running' AND drain_id = :drain ORDER BY id LIMIT :limit"
        ),
        {"drain": drain_id, "limit": 2 * MOST},
    ).fetchall()
    lines = []
    for ticket in found:
        if ending.charges(ticket.id, ticket.fence):
            failure = replace(ending.failure(), untold=True)
            state = settle.fail_attempt(
                connection, ticket.id, ticket.fence, failure, worker=worker, app_version=app_version
            )
            lines.append(f"ticket {ticket.id}: {failure.text}: {state or 'no longer ours'}")
        else:
            given = settle.give_back(connection, ticket.id, ticket.fence, worker=worker)
            lines.append(f"ticket {ticket.id}: {'given back' if given else 'no longer ours'}")
    return lines


def still_ours(connection: Connection, ticket_id: int, fence: str) -> bool:
    """Whether the ticket still runs under this fence."""
    found = settle.fence_of(connection, ticket_id)
    return found is not None and found == ("running", fence)
