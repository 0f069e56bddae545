"""Waker: rings a moment before the next delayed ticket is due, so that a drain stands there when it is.

When: always, in a thread of its own, while its scheduler leads. It sleeps until AHEAD_SECONDS before the next
`due_at`, but at most a beat; a push on the list `counterfoil:wake` (the bell's, for tickets due within
seconds) ends the sleep early. The drain waits for the time itself, by the database's clock. Without Redis it
sleeps on: the ringer makes up for it when Redis is back.
"""

import time

from counterfoil import candidates

from ..linger import AHEAD_SECONDS
from .duty import Beat

STEP_SECONDS = 0.015
"""How often it looks while it waits for what it has rung for: another queue may be due soon after."""
PAST_DUE_SECONDS = 0.002


class Waker:
    """Sleeps and rings; `act` is one sleep and what came of it. Indexes: unclaimed, retrying."""

    word = "waker"
    every_seconds = 0.0

    def __init__(self, longest_seconds: float = 1.0) -> None:
        self.longest_seconds = longest_seconds
        self._quiet: dict[str, float] = {}

    def act(self, beat: Beat) -> int:
        """Sleeps until something is due, is pushed, or the longest sleep is over; how many queues it rang."""
        with beat.transaction() as connection:
            seconds = candidates.seconds_to_next_due(connection)
        if seconds is None or seconds > self.longest_seconds:
            beat.rings.sleep(self.longest_seconds)
            return 0
        due = time.monotonic() + seconds + PAST_DUE_SECONDS
        if seconds > AHEAD_SECONDS and beat.rings.sleep(seconds - AHEAD_SECONDS):
            return 0  # somebody pushed: there may be an earlier one
        rung: set[str] = set()
        count = self._ring(beat, rung)
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, STEP_SECONDS))
            count += self._ring(beat, rung)
        return count

    def _ring(self, beat: Beat, rung: set[str]) -> int:
        """Ring what is due in a moment and was not just rung for: the drain that comes stays for more."""
        now = time.monotonic()
        self._quiet = {queue: until for queue, until in self._quiet.items() if until > now}
        with beat.transaction() as connection:
            queues = candidates.due_queues(connection, AHEAD_SECONDS)
        fresh = set(queues) - rung - self._quiet.keys()
        rung |= fresh
        self._quiet |= dict.fromkeys(fresh, now + 2 * AHEAD_SECONDS)
        return sum(beat.rings.ring(queue) for queue in fresh)
