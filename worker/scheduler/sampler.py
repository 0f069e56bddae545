"""Sampler: counts, waits and rates, written once, read by every page and tab.

When: once a second; figures that are dear to count are counted less often, so that all together take no more
than a tenth of a core. So with tens of millions of receipts their number is some seconds old. A snapshot is
written when something changed, and every five seconds as a sign of life. What was finished is read once, ten
seconds at a time (`stream`), and rolled up by the minute for the charts (`rollups`).
"""

import time
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from counterfoil.clock import stamp
from counterfoil.tables import Sample

from . import figures, usual
from .duty import Beat
from .paced import Paced
from .stream import Stream

SIGN_OF_LIFE_SECONDS = 5.0
LONGEST_SECONDS = 30.0
USUAL_SECONDS = 60.0


class Sampler:
    """Remembers each figure between its turns."""

    word = "sampler"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._figures: list[Paced] = []
        self._counts = {name: Paced(figures.counter(name), 0.9, self._figures) for name in figures.COUNTED}
        self._queues = Paced(figures.queues, 0.9, self._figures)
        self._rates = Paced(figures.rates, 0.9, self._figures)
        self._usual = Paced(usual.failing_shares, USUAL_SECONDS)
        self._stream = Stream()
        self._written: tuple[Any, ...] | None = None
        self._written_at = 0.0

    def act(self, beat: Beat) -> int:
        """Takes the figures whose time has come and writes a snapshot; 1 if it wrote one."""
        started = time.monotonic()
        with beat.transaction(LONGEST_SECONDS) as connection:
            now: datetime = connection.execute(select(stamp())).scalar_one()
            for paced in (*self._figures, self._usual):
                paced.refresh(connection, now)
        self._stream.act(beat, now, self._queues.value)
        queues = self._told(now)
        counts = figures.tabs({name: paced.value for name, paced in self._counts.items()})
        taken = (counts, queues, self._rates.value)
        if taken == self._written and started - self._written_at < SIGN_OF_LIFE_SECONDS:
            return 0
        cost_ms = round((time.monotonic() - started) * 1000)
        with beat.transaction() as connection:
            connection.execute(
                insert(Sample).values(cost_ms=cost_ms, counts=counts, queues=queues, rates=self._rates.value)
            )
        self._written, self._written_at = taken, started
        return 1

    def _told(self, now: datetime) -> dict[str, Any]:
        """The queues' figures with what the last minutes were like, and what is usual."""
        return {
            name: figures
            | self._stream.per_queue(name, figures["due"], now)
            | {"usual_failing": self._usual.value.get(name)}
            for name, figures in self._queues.value.items()
        }
