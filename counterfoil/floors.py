"""Below which due time a drain found nothing, remembered for a moment.

While a transaction stays open for long, PostgreSQL keeps the index entries of all that was claimed since, and
each probe walks over them: 22 ms a claim after 50,000 tickets, and growing. So a drain remembers where it
found its last ticket and probes from there. What it can miss is a ticket that a transaction of more than five
seconds opened in between; for a second, for then it looks at everything again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .priority import NUMBERS

SECONDS = 1.0
SLACK = timedelta(seconds=5)
SHARE = 20
"""A look at everything may take one part in so many of the time."""

_BOTTOM = datetime(1, 1, 2, tzinfo=UTC)


class Floors:
    """The memo of one drain; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._until = 0.0
        self._floors: dict[int, datetime] = {}

    def now(self) -> list[datetime]:
        """A due time for each priority, for a probe to begin at."""
        if self._floors and self.clock() >= self._until:
            self._floors = {}
        return [self._floors.get(priority, _BOTTOM) for priority in NUMBERS]

    def array(self) -> str:
        """The same as PostgreSQL's text of an array: making one of five times cost more than the claim's
        other values together."""
        return "{" + ",".join(floor.isoformat() for floor in self.now()) + "}"

    def forget(self) -> bool:
        """Look at everything next time; whether that is more than it would have looked at."""
        remembered, self._floors = bool(self._floors), {}
        return remembered

    def found(self, priority: int, due_at: datetime, looked_at: datetime, took_seconds: float) -> None:
        """A probe at `looked_at` (the database's time) found this ticket first, and took so long."""
        if not self._floors:
            self._until = self.clock() + max(SECONDS, SHARE * took_seconds)
        recent = looked_at - SLACK
        for better in NUMBERS:
            if better < priority:
                self._floors[better] = recent
        self._floors[priority] = min(due_at, recent)
