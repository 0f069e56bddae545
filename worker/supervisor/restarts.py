"""When to start a dead child again: exponential back-off, and an end to it."""

from collections import deque

GIVE_UP_AFTER = 5
WITHIN_SECONDS = 60.0
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0


class Restarts:
    """One child's deaths. Times are monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=GIVE_UP_AFTER)

    def after_death(self, now: float) -> float | None:
        """Seconds until the next start; None to give up: the fifth death within a minute."""
        self._deaths.append(now)
        if self.recent(now) >= GIVE_UP_AFTER:
            return None
        return float(min(FIRST_SECONDS * 2 ** (self.recent(now) - 1), LONGEST_SECONDS))

    def recent(self, now: float) -> int:
        """Deaths within the last minute."""
        return sum(now - death < WITHIN_SECONDS for death in self._deaths)
