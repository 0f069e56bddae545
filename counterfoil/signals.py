"""What work may raise to say how it ended, other than by an error."""

from datetime import timedelta


class Postpone(Exception):
    """Not now: the effects are rolled back, the attempt is given back, the ticket waits `seconds`.

    Source: the ERP work packages' postponement.
    """

    def __init__(self, seconds: float | timedelta = 5, reason: str = "") -> None:
        self.seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        if not 0 <= self.seconds <= 366 * 86400:
            raise ValueError(f"Postpone: seconds must be between 0 and a year, not {seconds!r}")
        self.reason = reason or "the work asked to be postponed"
        super().__init__(self.reason)


class Fail(Exception):
    """Give up for good: the effects are rolled back and the ticket is failed, whatever attempts are left."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class WorkMustNotCommit(RuntimeError):
    """The work committed, closed or swapped the session, or wrote through a second connection.

    While a ticket runs, commit belongs to the drain: effects and `done` are committed together.
    `transactional=False` lifts this and promises at-least-once.
    """


class LostFence(Exception):
    """The ticket is no longer this worker's: its fence was replaced. Nothing of the work may be kept."""
