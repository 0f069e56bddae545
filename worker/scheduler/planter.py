"""Planter: plants the tickets of recurring schedules, one per schedule and fire.

When: every beat, so up to a beat late; after an outage it plants by each schedule's catch-up rule. It runs no
code of the application: what a query finds is opened by the planted ticket, on a worker. A schedule that is
paused, or that no live worker declares any more, lets its fires pass.
"""

from sqlalchemy.exc import DBAPIError

from counterfoil import planting
from counterfoil.cron import WrongCron

from .duty import Beat, log

CHUNK = 100


class Planter:
    """Index: counterfoil_schedules_next."""

    word = "planter"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def act(self, beat: Beat) -> int:
        """Plants what is due; how many tickets. One bad row does not stop the others."""
        planted, after = 0, ""
        while True:
            with beat.transaction() as connection:
                rows = planting.due(connection, after, CHUNK)
            for row in rows:
                planted += self._plant(beat, row)
            if len(rows) < CHUNK:
                return planted
            after = rows[-1].name

    def _plant(self, beat: Beat, row: planting.Due) -> int:
        try:
            with beat.transaction() as connection:
                return planting.plant(connection, row)
        except (WrongCron, DBAPIError) as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            told = (row.name, str(error))
            if told not in self._told:
                self._told.add(told)
                log.error("the schedule %s is passed over: %s", row.name, error)
            return 0
