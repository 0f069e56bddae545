"""Whether the database has taken our own writes without a gap for long enough to judge others by it.

A worker that could not renew its lease because the database was away (or because one long write held
SQLite's lock) is healthy. Who looks at its lease right after the outage would run its ticket twice. So the
lifeline waits until renewals would have come through: longer than a worker's renewal takes.
"""

GAP_SECONDS = 5.0


class Watch:
    """Times are monotonic seconds, given by the caller. `seconds`: how long without a gap is long enough."""

    def __init__(self, seconds: float, gap_seconds: float = GAP_SECONDS) -> None:
        self.seconds = seconds
        self.gap_seconds = gap_seconds
        self._since: float | None = None
        self._last = 0.0

    def wrote(self, now: float) -> None:
        """One of our own writes has been committed just now."""
        if self._since is None or now - self._last > self.gap_seconds:
            self._since = now
        self._last = now

    def interrupted(self) -> None:
        """A write failed, or was not ours to make: begin anew."""
        self._since = None

    def steady(self, now: float) -> bool:
        """Whether the writes have come without a gap for long enough, the last one lately."""
        if self._since is None or now - self._last > self.gap_seconds:
            return False
        return now - self._since >= self.seconds
