"""The wish to stop, by TERM, INT or an operator: counted, looked at by whoever runs a loop.

The first asks for an end in good order, a second one at once. A second within a second is the same wish
delivered twice (a terminal's Ctrl-C and a supervisor's TERM), as RQ has it.
"""

import signal
import time
from types import FrameType

SAME_WISH_SECONDS = 1.0


class StopNow(BaseException):
    """Raised out of a wait that may be broken off, in the main thread only."""


class Stop:
    """Asked to stop, or not. `waiting` marks a wait that a signal may break off."""

    def __init__(self) -> None:
        self.asked_at: float | None = None
        self.at_once = False
        self.waiting = False

    @property
    def asked(self) -> bool:
        return self.asked_at is not None

    def ask(self) -> None:
        """One wish more."""
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
        elif now - self.asked_at >= SAME_WISH_SECONDS:
            self.at_once = True

    def install(self) -> None:
        """Take TERM and INT; main thread only."""
        signal.signal(signal.SIGTERM, self._signalled)
        signal.signal(signal.SIGINT, self._signalled)

    def deafen(self) -> None:
        """What comes now comes too late: the process is ending, and its exit code says how."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def sleep(self, seconds: float) -> None:
        """Sleep, broken off by a signal; returns at once when asked before."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.ask()
        if self.waiting:
            self.waiting = False
            raise StopNow
