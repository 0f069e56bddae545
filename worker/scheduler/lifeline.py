"""Lifeline: rescues running tickets whose drain's lease ran out; buries drains that are gone; tells of
staged tickets that their application never released.

When: every beat, but only after the database has taken our own writes without a gap for
`lapse_watch_seconds`, so that an outage does not run every healthy ticket twice. So a ticket of a worker that
died during an outage waits that much longer. It cannot tell a dead worker from one that is cut off: the fence
does that, when the late one comes back.
"""

import time

from sqlalchemy import BigInteger, Connection, bindparam, select, text

from counterfoil import settle
from counterfoil.clock import ago, stamp
from counterfoil.staged import forgotten

from .duty import Beat, log

CHUNK = 200
BURIED_AFTER_SECONDS = 3600.0
FORGOTTEN_EVERY_SECONDS = 60.0
FORGOTTEN_TOLD = 10


class Lifeline:
    """Indexes: counterfoil_tickets_running, counterfoil_drains_until."""

    word = "lifeline"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._told: tuple[int, ...] = ()

    def act(self, beat: Beat) -> int:
        """Lapses what is lost; how many tickets."""
        if not beat.watch.steady(time.monotonic()):
            return 0
        beat.in_chunks(CHUNK, bury)
        self._tell_of_forgotten(beat)
        return beat.in_chunks(CHUNK, _lapse)

    def _tell_of_forgotten(self, beat: Beat) -> None:
        """Once a minute, when they are others than before; the sampler has their number for the console."""
        if time.monotonic() - self._looked_at < FORGOTTEN_EVERY_SECONDS:
            return
        self._looked_at = time.monotonic()
        with beat.transaction() as connection:
            now = connection.execute(select(stamp())).scalar_one()
            found = tuple(forgotten(connection, now, FORGOTTEN_TOLD))
        if found and found != self._told:
            log.warning(
                "staged tickets were not released by their application within %s minutes, the oldest: %s",
                beat.settings.staged_minutes,
                ", ".join(map(str, found)),
            )
        self._told = found


def _lapse(connection: Connection, chunk: int) -> int:
    lapsed = settle.lapse(connection, chunk)
    for ticket_id in lapsed:
        log.warning("ticket %s lapsed: its worker gave no sign of life within the lease", ticket_id)
    return len(lapsed)


def bury(connection: Connection, chunk: int) -> int:
    """Remove drains whose lease ran out an hour ago and that hold no ticket any more; how many."""
    long_ago = ago(connection.dialect.name, BURIED_AFTER_SECONDS)
    return connection.execute(
        text(
            f"DELETE FROM counterfoil_drains WHERE id IN (SELECT d.id FROM counterfoil_drains d "
            f"WHERE d.until < {long_ago} AND NOT EXISTS (SELECT 1 FROM counterfoil_tickets t "
            f"WHERE t.state = 'running' AND t.drain_id = d.id) ORDER BY d.until LIMIT :chunk)"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"chunk": chunk},
    ).rowcount
