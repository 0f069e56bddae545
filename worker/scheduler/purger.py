"""Purger: deletes receipts whose time is over, and what else has had its time.

When: every beat, in chunks of short transactions, so that no lock is long; a purge of a million takes some
minutes. It never deletes what is kept, and the trail only after `keep_trail_days`. It does not give disk
space back to the operating system: that is the database's own vacuum.
"""

import os
import socket
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import BigInteger, Connection, bindparam, text

from counterfoil import leftovers, purge
from counterfoil.archive import Archive
from counterfoil.clock import ago

from .duty import Beat

CHUNK = 1000
ARCHIVED_CHUNK = 200  # with their logs they are held in memory, and SQLite's lock over the fsync
OTHERS_EVERY_SECONDS = 60.0
SAMPLES_SECONDS = 2 * 3600.0
PROCESSES_SECONDS = 3600.0
SESSIONS_SECONDS = 24 * 3600.0
LINKS_SECONDS = 7 * 24 * 3600.0
DAY = 86_400.0


class Purger:
    """Once a minute what is no receipt, then receipts (index counterfoil_tickets_purge)."""

    word = "purger"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._others_at = 0.0

    def act(self, beat: Beat) -> int:
        """Deletes; how many receipts. Raises OSError when the archive cannot be written: then none."""
        if time.monotonic() >= self._others_at:
            self._others_at = time.monotonic() + OTHERS_EVERY_SECONDS
            for table, key, column, seconds in _others(beat):
                beat.in_chunks(CHUNK, _older(table, key, column, seconds))
            for rule in leftovers.rules(beat.settings):
                beat.in_chunks(CHUNK, partial(_left, rule))
        folder = beat.settings.archive_folder
        if folder is None:
            return beat.in_chunks(CHUNK, purge.purge)
        archive = Archive(folder, f"{socket.gethostname()}-{os.getpid()}")
        return beat.in_chunks(ARCHIVED_CHUNK, partial(purge.purge, archive=archive))


def _left(rule: leftovers.Rule, connection: Connection, chunk: int) -> int:
    return leftovers.delete(connection, rule, chunk)


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
