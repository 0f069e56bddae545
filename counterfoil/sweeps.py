"""One bad row never stops a sweep: what the database refuses for one ticket is passed over, and told.

A host's trigger or constraint may refuse a move. Without a savepoint of its own each such row would roll back
all others of its chunk, at every beat again, and everything behind it would wait for ever.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

log = logging.getLogger(__name__)

TOLD_AGAIN_SECONDS = 60.0
_told_at: dict[int, float] = {}


def sweep(connection: Connection, rows: Iterable[Any], move: Callable[[Any], object]) -> list[int]:
    """`move(row)` for each row, in savepoints of the caller's transaction; the ids of those that moved.

    Raises what is no single row's fault: a lost connection, SQLite's lock.
    """
    moved = []
    for row in rows:
        try:
            with connection.begin_nested():
                if move(row):
                    moved.append(int(row.id))
        except DBAPIError as error:
            everybodys = isinstance(error, OperationalError) and connection.dialect.name == "sqlite"
            if error.connection_invalidated or everybodys:
                raise
            _tell(int(row.id), error)
    return moved


def _tell(ticket_id: int, error: DBAPIError) -> None:
    now = time.monotonic()
    if now - _told_at.get(ticket_id, -TOLD_AGAIN_SECONDS) < TOLD_AGAIN_SECONDS:
        return
    if len(_told_at) > 1000:
        _told_at.clear()
    _told_at[ticket_id] = now
    told = str(error.orig).strip().splitlines()
    log.error("ticket %s is passed over: the database refuses to move it: %s", ticket_id, told[:1])
