"""Purger: deletes receipts whose time is over, and what else has had its time.

When: every beat, in chunks of short transactions, so that no lock is long; a purge of a million takes some
minutes. It never deletes what is kept, and the trail only after `keep_trail_days`. It does not give disk
space back to the operating system: that is the database's own vacuum.
"""

import time
from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, bindparam, text

from counterfoil import purge
from counterfoil.clock import ago

from .duty import Beat

CHUNK = 1000
OTHERS_EVERY_SECONDS = 60.0
SAMPLES_SECONDS = 2 * 3600.0
PROCESSES_SECONDS = 3600.0
SESSIONS_SECONDS = 24 * 3600.0
LINKS_SECONDS = 7 * 24 * 3600.0
DAY = 86_400.0


class Purger:
    """Receipts first (index counterfoil_tickets_purge), then once a minute the rest."""

    word = "purger"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._others_at = 0.0

    def act(self, beat: Beat) -> int:
        """Deletes; how many receipts."""
        receipts = beat.in_chunks(CHUNK, purge.purge)
        if time.monotonic() >= self._others_at:
            self._others_at = time.monotonic() + OTHERS_EVERY_SECONDS
            for table, key, column, seconds in _others(beat):
                beat.in_chunks(CHUNK, _older(table, key, column, seconds))
        return receipts


def _others(beat: Beat) -> list[tuple[str, str, str, float]]:
    return [
        ("samples", "id", "at", SAMPLES_SECONDS),
        ("workers", "name", "seen_until", PROCESSES_SECONDS),
        ("sessions", "id", "expires_at", SESSIONS_SECONDS),
        ("entry_links", "id", "expires_at", LINKS_SECONDS),
        ("notices", "id", "at", beat.settings.keep_trouble_days * DAY + 1),
        ("trail", "id", "at", beat.settings.keep_trail_days * DAY + 1),
    ]


def _older(table: str, key: str, column: str, seconds: float) -> Callable[[Connection, int], int]:
    def delete(connection: Connection, chunk: int) -> int:
        long_ago = ago(connection.dialect.name, seconds)
        return connection.execute(
            text(
                f"DELETE FROM counterfoil_{table} WHERE {key} IN (SELECT {key} FROM counterfoil_{table} "
                f"WHERE {column} < {long_ago} ORDER BY {column} LIMIT :chunk)"
            ).bindparams(bindparam("chunk", type_=BigInteger())),
            {"chunk": chunk},
        ).rowcount

    return delete
