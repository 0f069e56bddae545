"""Figures that are dear to count, counted so often that all of them together take a tenth of a core."""

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

SHARE_OF_A_CORE = 0.1


class Paced:
    """A figure with a pace of its own: taken once in `every_seconds`, or less often if that is too dear.

    Those of one list `beside` share the tenth: one that costs four times as much as another is taken half as
    often, which makes the age of all of them, summed up, the least that the share allows.
    """

    def __init__(
        self,
        take: Callable[[Connection, datetime], Any],
        every_seconds: float,
        beside: "list[Paced] | None" = None,
    ) -> None:
        self._take = take
        self._every_seconds = every_seconds
        self._beside = beside if beside is not None else []
        self._beside.append(self)
        self._root_of_cost = 0.0
        self._taken_at = -math.inf
        self.value: Any = None

    @property
    def is_due(self) -> bool:
        """Whether its time has come again."""
        return time.monotonic() >= self._taken_at + max(self._every_seconds, self._affordable())

    def refresh(self, connection: Connection, now: datetime) -> None:
        """Take it if it is time; `now` is the database's."""
        if not self.is_due:
            return
        started = time.monotonic()
        self.value = self._take(connection, now)
        self._root_of_cost = math.sqrt(time.monotonic() - started)
        self._taken_at = started

    def _affordable(self) -> float:
        """Seconds between two of its turns by which all of them keep to the share."""
        return self._root_of_cost * sum(each._root_of_cost for each in self._beside) / SHARE_OF_A_CORE
