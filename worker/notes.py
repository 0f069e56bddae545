"""What the horse said, on its way into the database: log lines, and how far the work is.

Written in batches by the clerk, so that it survives the work's rollback and its death. A write that fails is
tried once more and then counted: it never fails the work, and what waits is bounded.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Connection, insert, update

from counterfoil.tables import Drain, Log

from .pipe import Message, safe_text

BATCH = 500
WAITING_LIMIT = 20_000

log = logging.getLogger("counterfoil.worker")


class Notes:
    """Collects messages of one drain and hands them to `ask` (the clerk's) batch by batch."""

    def __init__(self, drain_id: str, ask: Callable[[Callable[[Connection], None]], "Future[None]"]) -> None:
        self.drain_id = drain_id
        self.dropped = 0
        self._ask = ask
        self._lines: list[dict[str, Any]] = []
        self._progress: dict[str, Any] | None = None
        self._under_way: Future[None] | None = None
        self._batch: list[dict[str, Any]] = []
        self._again = False

    def take(self, message: Message) -> None:
        """One message from the pipe; what is none of the known ones is dropped and counted."""
        try:
            if "log" in message:
                self._line(message)
            elif "progress" in message:
                self._progress = _progress(message)
            elif "dropped" in message:
                self.dropped += int(message["dropped"])
        except (KeyError, TypeError, ValueError):
            self.dropped += 1

    def write(self) -> None:
        """Send the next batch, when the last one is done; does not wait."""
        if self._under_way is not None:
            if not self._under_way.done():
                return
            self._settle(self._under_way)
        if not self._batch and (self._lines or self._progress):
            self._batch, self._lines = self._lines[:BATCH], self._lines[BATCH:]
        if self._batch or self._progress:
            lines, progress, self._progress = self._batch, self._progress, None
            self._under_way = self._ask(lambda connection: self._put(connection, lines, progress))

    def finish(self, seconds: float = 4.0) -> None:
        """Write what is left; gives up after `seconds`."""
        if self.dropped:
            log.warning("drain %s: %d messages of its work were dropped", self.drain_id, self.dropped)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.write()
            if self._under_way is None:
                return
            try:
                self._under_way.result(timeout=left)
            except Exception as error:
                log.warning("logs of drain %s: %s", self.drain_id, type(error).__name__)

    def _line(self, message: Message) -> None:
        if len(self._lines) >= WAITING_LIMIT:
            self.dropped += 1
            return
        self._lines.append(
            {
                "ticket_id": int(message["ticket"]),
                "claim": int(message["claim"]),
                "level": max(0, min(int(message["level"]), 100)),
                "message": safe_text(message["log"]),
            }
        )

    def _settle(self, answer: "Future[None]") -> None:
        self._under_way = None
        if answer.exception() is None or self._again:
            if answer.exception() is not None:
                self.dropped += len(self._batch)
            self._batch, self._again = [], False
        else:
            self._again = True

    def _put(
        self, connection: Connection, lines: list[dict[str, Any]], progress: dict[str, Any] | None
    ) -> None:
        if lines:
            connection.execute(insert(Log), lines)
        if progress:
            connection.execute(update(Drain).where(Drain.id == self.drain_id).values(progress))


def _progress(message: Message) -> dict[str, Any]:
    done, total, text = message["progress"]
    return {
        "ticket_id": int(message["ticket"]),
        "progress_done": _count(done),
        "progress_total": _count(total),
        "progress_text": None if text is None else safe_text(text, 190)[:200],
    }


def _count(value: Any) -> int | None:
    return None if value is None else max(0, min(int(value), 2**31 - 1))
