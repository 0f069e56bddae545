"""The sampler's memory of the last five minutes, ten seconds at a time; each minute goes to the roll-ups."""

from collections import deque
from datetime import datetime, timedelta
from typing import Any

from . import flow, rollups
from .duty import Beat
from .flow import Cell, Cells
from .rollups import Standing

SLICE = timedelta(seconds=10)
REMEMBERED = timedelta(minutes=5)
MINUTE = timedelta(seconds=60)
CAUGHT_UP = timedelta(minutes=10)
"""How far back a scheduler reads what was missed: receipts of what simply succeeded are there so long."""

MOST_SLICES = 12
"""Read in one beat at most."""


class Stream:
    """Reads each slice once; `per_queue` tells what the last minutes were like."""

    def __init__(self) -> None:
        self._next: datetime | None = None
        self._slices: deque[tuple[datetime, dict[str, tuple[int, int]]]] = deque()
        self._due: deque[tuple[datetime, dict[str, int]]] = deque()
        self._minute: Cells = {}
        self._before: Standing | None = None

    def act(self, beat: Beat, now: datetime, queues: dict[str, dict[str, Any]]) -> None:
        """Read the slices that are over, write the minutes that are over. `now` is the database's."""
        if self._next is None or now - self._next > CAUGHT_UP:
            with beat.transaction() as connection:
                end = rollups.last_end(connection) or rollups.floor(now, 60)
            self._minute, self._before = {}, None
            self._next = max(min(end, rollups.floor(now, 60)), rollups.floor(now - CAUGHT_UP, 60))
        for _ in range(MOST_SLICES):
            until = self._next + SLICE
            if until + timedelta(seconds=flow.LAG_SECONDS) > now:
                break
            with beat.transaction() as connection:
                cells = flow.read(connection, self._next, until)
                _add(self._minute, cells)
                whole = rollups.floor(until, 60) == until
                stands = standing(queues) if whole and now - until < MINUTE else None
                if whole:
                    at = until - MINUTE
                    rollups.write_minute(connection, at, self._minute, stands, self._before)
            if whole:
                self._minute, self._before = {}, stands
            self._slices.append((until, _counts(cells)))
            self._next = until
        while self._slices and self._slices[0][0] <= now - REMEMBERED:
            self._slices.popleft()
        if not self._due or now - self._due[-1][0] >= SLICE:
            self._due.append((now, {name: figures["due"] for name, figures in queues.items()}))
        while self._due and self._due[0][0] < now - REMEMBERED:
            self._due.popleft()

    def per_queue(self, queue: str, due: int, now: datetime) -> dict[str, Any]:
        """rate (finished a minute), attempts and failing (within 5 minutes), growth (of due, a minute).

        `growth` is None before a minute has been watched.
        """
        lately = [(until, *counts.get(queue, (0, 0))) for until, counts in self._slices]
        newest = max((until for until, *_ in lately), default=now)
        failing = sum(failed for _, _, failed in lately)
        at, before = self._due[0] if self._due else (now, {})
        passed = (now - at) / MINUTE
        return {
            "rate": sum(finished for until, finished, _ in lately if until > newest - MINUTE),
            "attempts": sum(finished for _, finished, _ in lately) + failing,
            "failing": failing,
            "growth": round((due - before.get(queue, 0)) / passed) if passed >= 1 else None,
        }


def standing(queues: dict[str, dict[str, Any]]) -> Standing:
    """How the queues stand, by queue and view model, with the sums."""
    found: Standing = {}
    for queue, figures in queues.items():
        for view_model, own in figures["views"].items():
            for key in {(queue, view_model), (queue, ""), ("", view_model), ("", "")}:
                into = found.setdefault(key, {"due": 0, "running": 0, "oldest_wait_ms": 0})
                into["due"] += own["due"]
                into["running"] += own["running"]
                into["oldest_wait_ms"] = max(into["oldest_wait_ms"], own["oldest_wait_ms"])
    return found


def _counts(cells: Cells) -> dict[str, tuple[int, int]]:
    """Queue -> finished, failing."""
    found: dict[str, tuple[int, int]] = {}
    for (queue, _), cell in cells.items():
        finished, failing = found.get(queue, (0, 0))
        found[queue] = (finished + cell.finished, failing + cell.failing)
    return found


def _add(into: Cells, cells: Cells) -> None:
    for key, cell in cells.items():
        into.setdefault(key, Cell()).add(cell)
