"""Stopping: TERM, patience, KILL; what others lean on (Redis) goes last."""

import signal
import time
from collections.abc import Collection

from .child import Child
from .output import Output

LAST_GRACE_SECONDS = 5.0
SAY_AFTER_SECONDS = 3.0


class Stopping:
    """Begins with its making: TERM to all but the last ones. `patience`: signals that count as one wish."""

    def __init__(
        self, children: Collection[Child], output: Output, grace_seconds: float, patience: int
    ) -> None:
        self._children = children
        self._output = output
        self._patience = patience
        now = time.monotonic()
        self._kill_at = now + grace_seconds
        self._say_at: float | None = now + SAY_AFTER_SECONDS
        self._last_told = False
        for child in children:
            if not child.plan.last:
                child.signal(signal.SIGTERM)

    def go_on(self, signals: int) -> bool:
        """Looks who is left; whether there is still somebody to wait for. One signal more ends it at once."""
        now = time.monotonic()
        others = [child for child in self._children if child.running and not child.plan.last]
        last = [child for child in self._children if child.running and child.plan.last]
        if others and (signals > self._patience or now > self._kill_at):
            for child in others:
                self._output.say(f"{child.name} did not stop in time and is killed", warning=True)
            return False
        if others:
            self._say_who_is_waited_for(now, others)
        elif last:
            self._stop_the_last(now, last)
        else:
            self._output.say("stopped")
        return bool(others or last)

    def _stop_the_last(self, now: float, last: list[Child]) -> None:
        if not self._last_told:
            self._last_told = True
            self._kill_at = now + LAST_GRACE_SECONDS
            for child in last:
                child.signal(signal.SIGTERM)
        elif now > self._kill_at:
            for child in last:
                child.signal(signal.SIGKILL)

    def _say_who_is_waited_for(self, now: float, others: list[Child]) -> None:
        if self._say_at is not None and now > self._say_at:
            self._say_at = None
            self._output.say(f"waiting for {', '.join(child.name for child in others)}")
