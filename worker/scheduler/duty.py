"""The skeleton that all duties share, and the book kept about each."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from counterfoil.columns import utc_text
from counterfoil.settings import Settings

from .rings import Rings
from .watch import Watch

log = logging.getLogger("counterfoil.scheduler")

SAME_ERROR_AGAIN_SECONDS = 60.0
STATEMENT_SECONDS = 10.0
TURN_SECONDS = 0.5
"""How long one duty may go on in one beat while others wait."""


@dataclass
class Beat:
    """What a duty is given: the database, Redis, the settings, and what the scheduler has seen so far."""

    engine: Engine
    settings: Settings
    rings: Rings
    watch: Watch
    renewed_at: datetime | None = None  # by the database's clock, at `renewed_monotonic`
    renewed_monotonic: float = 0.0

    @contextmanager
    def transaction(self, seconds: float = STATEMENT_SECONDS) -> Iterator[Connection]:
        """A transaction, committed at its end, whose statements are bounded in time."""
        with self.engine.begin() as connection:
            milliseconds = int(seconds * 1000)
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
            else:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
            yield connection

    def in_chunks(
        self, chunk: int, call: Callable[[Connection, int], int], seconds: float = TURN_SECONDS
    ) -> int:
        """`call(connection, chunk)`, each in a transaction, while chunks are full and time is left."""
        end, count = time.monotonic() + seconds, 0
        while True:
            with self.transaction() as connection:
                done = call(connection, chunk)
            count += done
            if done < chunk or time.monotonic() > end:
                return count

    def database_now(self) -> datetime | None:
        """The database's time, reckoned from the last renewal; None before the first."""
        if self.renewed_at is None:
            return None
        return self.renewed_at + timedelta(seconds=time.monotonic() - self.renewed_monotonic)


class Away(Exception):
    """What a duty needs is away; the duty has said so itself. `seconds`: when it is to be tried again."""

    def __init__(self, told: str, seconds: float) -> None:
        super().__init__(told)
        self.seconds = seconds


class Duty(Protocol):
    """One word, one duty. `every_seconds`: how often at most; 0: every beat."""

    word: str
    every_seconds: float

    def act(self, beat: Beat) -> int:
        """Do what is to be done now; how many things were done. May raise: the others go on."""


@dataclass
class Book:
    """What is known of a duty: for the console, and so that one error is logged once."""

    runs: int = 0
    count: int = 0
    total: int = 0
    errors: int = 0
    cost_ms: float = 0.0
    at: datetime | None = None
    error: str | None = None
    error_at: datetime | None = None
    away: str | None = None  # what it needs is away, and why
    _logged_at: float = field(default=-1e9, repr=False)

    def record(self, count: int, cost_seconds: float, at: datetime | None) -> None:
        """It ran and did so much."""
        self.away = None
        self.runs += 1
        self.count, self.total = count, self.total + count
        self.cost_ms = round(cost_seconds * 1000, 1)
        self.at = at

    def record_error(self, word: str, error: BaseException, at: datetime | None) -> None:
        """It failed; logged with its traceback, the same one at most once a minute."""
        told = f"{type(error).__name__}: {error}".splitlines()[0][:500]
        now = time.monotonic()
        if told != self.error or now - self._logged_at > SAME_ERROR_AGAIN_SECONDS:
            self._logged_at = now
            log.error("%s failed; the other duties go on", word, exc_info=error)
        self.errors += 1
        self.error, self.error_at = told, at

    def record_away(self, away: Away, at: datetime | None) -> None:
        """It could not run for now."""
        self.errors += 1
        self.away = self.error = str(away)
        self.error_at = at

    def as_json(self) -> dict[str, Any]:
        """For `duties` in the scheduler's row; times as UTC text."""
        return {
            "at": self.at and utc_text(self.at),
            "cost_ms": self.cost_ms,
            "count": self.count,
            "total": self.total,
            "runs": self.runs,
            "errors": self.errors,
            "error": self.error,
            "error_at": self.error_at and utc_text(self.error_at),
            "away": self.away,
        }
