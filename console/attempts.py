"""A ticket's attempts as a person reads them: how long each waited and ran; the last one with the others.

An attempt that simply succeeded, or is under way, has no row of its own: the ticket's columns tell it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from counterfoil.ticket import FINAL

from .queries.ticket import Told

RUNS_AGAIN = ("retry", "edit", "release", "run-now", "undo", "reschedule")
"""Acts after which a ticket waits anew."""


@dataclass(frozen=True)
class Tried:
    """One attempt; `row` is what is stored of it, None for the one that the ticket itself tells.

    `waited_ms` counts from when it might have been claimed first: opened and due, put back, or the end of the
    attempt before, its back-off included. None where its start is not known.
    """

    claim: int
    outcome: str
    waited_ms: int | None
    ran_ms: int | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str | None
    row: Any = None


def attempts(told: Told) -> list[Tried]:
    """Oldest first."""
    row = told.row
    ready = [max(row.opened_at, row.execute_earliest or row.opened_at)]
    ready += [attempt.ended_at for attempt in told.attempts]
    ready += [entry.at for entry in told.trail if entry.verb in RUNS_AGAIN and not entry.refused]

    def waited(started: datetime | None) -> int | None:
        before = [at for at in ready if started and at <= started]
        return round((started - max(before)).total_seconds() * 1000) if started and before else None

    found = [
        Tried(
            attempt.claim, attempt.outcome, waited(attempt.started_at), attempt.duration_ms,
            attempt.started_at, attempt.ended_at, attempt.worker, attempt,
        )
        for attempt in told.attempts
    ]  # fmt: skip
    if row.started_at and row.state in ("running", "done") and all(row.claims != one.claim for one in found):
        worker = told.drain.worker if told.drain else None
        ran = row.duration_ms if row.state in FINAL else None
        found.append(
            Tried(row.claims, row.state, waited(row.started_at), ran, row.started_at, row.done, worker)
        )
    return found
