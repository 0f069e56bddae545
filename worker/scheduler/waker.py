"""Waker: rings at the very moment when the next delayed ticket is due.

When: always, in a thread of its own, while its scheduler leads. It sleeps until the next `due_at`, but at
most a beat; a push on the list `counterfoil:wake` (the bell's, for tickets due within seconds) ends the sleep
early. Without Redis it sleeps on: the ringer makes up for it when Redis is back.
"""

import time

from counterfoil import candidates

from .duty import Beat

EARLY_SECONDS = 0.02
"""A wait on Redis ends this long before the time; the rest is slept here, to the millisecond."""
NEVER_EARLY_SECONDS = 0.002


class Waker:
    """Sleeps and rings; `act` is one sleep and what came of it. Index: counterfoil_tickets_pending."""

    word = "waker"
    every_seconds = 0.0

    def __init__(self, longest_seconds: float = 1.0) -> None:
        self.longest_seconds = longest_seconds

    def act(self, beat: Beat) -> int:
        """Sleeps until something is due, is pushed, or the longest sleep is over; how many queues it rang."""
        with beat.transaction() as connection:
            seconds = candidates.seconds_to_next_due(connection)
        if seconds is None or seconds > self.longest_seconds:
            beat.rings.sleep(self.longest_seconds)
            return 0
        due = time.monotonic() + seconds + NEVER_EARLY_SECONDS
        if seconds > EARLY_SECONDS and beat.rings.sleep(seconds - EARLY_SECONDS):
            return 0  # somebody pushed: there may be an earlier one
        time.sleep(max(0.0, due - time.monotonic()))
        with beat.transaction() as connection:
            queues = candidates.due_queues(connection)
        return sum(beat.rings.ring(queue) for queue in queues)
