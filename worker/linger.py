"""A drain that found nothing stays for what is due in a moment, instead of leaving it to the next one.

The scheduler's waker rings a little ahead, so that a drain stands there when the time comes; none is early,
for the claim asks the database's clock. A drain that stays looks again and again: what is opened meanwhile
waits no longer than for a hint. Another queue of the same worker waits for at most that moment.

And it stays a little after its last ticket where its worker serves this queue alone: the next drain is a
process and a connection more, which cost as much as a hundred looks.
"""

import time
from dataclasses import dataclass

from sqlalchemy import Connection

from counterfoil.candidates import seconds_to_next

AHEAD_SECONDS = 0.05
"""How long before a time the waker rings: what a worker needs from the bell to the first claim."""
STAY_SECONDS = AHEAD_SECONDS * 1.5
LOOK_AGAIN_SECONDS = 0.01
AFTER_SECONDS = 0.25
"""How long after its last ticket a drain looks on."""


@dataclass
class Stay:
    """How long a drain stays when it finds nothing; `alone`: its worker has no other queue to serve."""

    queue: str
    alone: bool = False
    _until: float = 0.0

    def ran(self) -> None:
        """A ticket was run just now."""
        if self.alone:
            self._until = time.monotonic() + AFTER_SECONDS

    def longer(self, connection: Connection) -> bool:
        """Whether to look again; sleeps until it is time to."""
        seconds: float | None = LOOK_AGAIN_SECONDS
        if time.monotonic() >= self._until:
            seconds = seconds_to_next(connection, self.queue, STAY_SECONDS)
            connection.commit()
        if seconds is None:
            return False
        time.sleep(min(max(seconds, 0.001), LOOK_AGAIN_SECONDS))
        return True
