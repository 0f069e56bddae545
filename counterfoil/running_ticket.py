"""What the work is given when it has a parameter named `ticket`."""

import hashlib
import json
import logging
import math
import time
from typing import Any, Protocol

from .claimed import Claimed
from .concealing import Conceal, plainly
from .errors import safe
from .params import ParamsCannotBeStored, encode

LOG_LIMIT = 8_000
RECEIPT_LIMIT = 4096
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Witness(Protocol):
    """Who is told how a ticket comes along: in a worker the parent, through a shared page and a pipe.

    None of it may fail or stop the work, and what is logged survives a rollback.
    """

    def stage(self, claimed: Claimed, stage: str, timeout_seconds: float) -> None:
        """The ticket is now claimed, running (may be killed at the timeout) or finishing (may not).

        `telling`: it has settled, and hooks hear of its failure; their process may be killed at the timeout.
        """

    def log(self, claimed: Claimed, level: int, message: str) -> None:
        """A line that the work logged."""

    def progress(self, claimed: Claimed, done: int, total: int | None, text: str | None) -> None:
        """The work has done n of m."""


class RunningTicket:
    """The ticket as its work sees it.

    `id`, `token`-free on purpose: the token leaves the house only for the waiting page. `idempotency_key` is
    the same for every attempt of a run: send it with every effect outside the database.
    """

    def __init__(self, claimed: Claimed, witness: Witness) -> None:
        self._claimed = claimed
        self._witness = witness
        self.has_told = False
        self.conceal: Conceal = plainly
        self._ends_at = math.inf
        self.id = claimed.id
        self.view_model = claimed.view_model
        self.root_id = claimed.root_id
        self.queue = claimed.queue
        self.priority = claimed.priority
        self.attempt = claimed.attempts
        self.max_attempts = claimed.max_attempts
        self.batch_id = claimed.batch_id
        self.opened_by = claimed.opened_by

    @property
    def idempotency_key(self) -> str:
        """A hash of token and run."""
        of = f"{self._claimed.token}:{self._claimed.run}"
        return hashlib.sha256(of.encode()).hexdigest()[:32]

    def ends_within(self, seconds: float) -> None:
        """The work begins now, and its process is killed after so many seconds."""
        self._ends_at = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Until the process of the work is killed by its `timeout_seconds`; never below 0.

        Long work asks, and stops where it can go on by another ticket.
        """
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now leaves the ticket errored."""
        return self.attempt >= self.max_attempts

    def log(self, message: object, level: str | int = "info") -> None:
        """Log a line that the console shows at once and that survives a rollback. Never raises."""
        self.has_told = True
        try:
            number = LEVELS.get(level, 20) if isinstance(level, str) else int(level)
            self._witness.log(self._claimed, number, safe(self.conceal(str(message)), LOG_LIMIT))
        except Exception:
            logging.getLogger(__name__).warning(
                "a line of ticket %s could not be logged", self.id, exc_info=True
            )

    def progress(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """Report n of m; the console shows a bar. Never raises."""
        try:
            told = None if text is None else safe(self.conceal(str(text)), 200)
            self._witness.progress(self._claimed, int(done), None if total is None else int(total), told)
        except Exception:
            logging.getLogger(__name__).warning("progress of ticket %s was not told", self.id, exc_info=True)

    def __repr__(self) -> str:
        return f"<ticket {self.id}, attempt {self.attempt} of {self.max_attempts}>"


class Silent:
    """A witness that hears nothing."""

    def stage(self, claimed: Claimed, stage: str, timeout_seconds: float) -> None:
        """Not told to anybody."""

    def log(self, claimed: Claimed, level: int, message: str) -> None:
        """Not written anywhere."""

    def progress(self, claimed: Claimed, done: int, total: int | None, text: str | None) -> None:
        """Not shown anywhere."""


def receipt_of(value: Any) -> Any:
    """What the work returned, as the receipt stores it: JSON of at most 4 KB, else its text, cut."""
    if value is None:
        return None
    try:
        stored = encode({"receipt": value})["receipt"]
        if len(json.dumps(stored, ensure_ascii=False).encode()) <= RECEIPT_LIMIT:
            return stored
    except (ParamsCannotBeStored, ValueError, RecursionError):
        pass
    try:
        return safe(str(value), RECEIPT_LIMIT // 4)
    except Exception as error:
        return f"(the receipt's text raises {type(error).__name__})"
