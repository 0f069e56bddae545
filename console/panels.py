"""A panel of a page reads within its own time: what it cannot show it says, since when; the rest stands."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .database import STATEMENT_SECONDS, db

log = logging.getLogger(__name__)

PANEL_SECONDS = 2.0
T = TypeVar("T")
_since: dict[str, datetime] = {}


@dataclass(frozen=True)
class Panel(Generic[T]):
    """What was read; else `away_since`: when this process first found that it cannot be."""

    value: T | None
    away_since: datetime | None = None


def panel(name: str, read: Callable[[Connection], T], seconds: float = PANEL_SECONDS) -> Panel[T]:
    """Read within the time; a database that is slow or refuses leaves the page's other panels as they are."""
    try:
        with _bounded(db.session.connection(), seconds) as connection:
            value = read(connection)
    except DBAPIError as error:
        since = _since.setdefault(name, datetime.now(UTC))
        log.warning(
            "the panel %s cannot be shown since %s: %s", name, since, str(error.orig).splitlines()[:1]
        )
        return Panel(None, since)
    _since.pop(name, None)
    return Panel(value)


@contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[Connection]:
    if connection.dialect.name == "postgresql":
        # Begin and end in one message each; a savepoint, so that an error leaves the transaction usable.
        connection.exec_driver_sql(f"SAVEPOINT panel; SET LOCAL statement_timeout = {int(seconds * 1000)}")
        try:
            yield connection
        except DBAPIError as error:
            if not error.connection_invalidated:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT panel; RELEASE SAVEPOINT panel")
            raise
        usual = f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}"
        connection.exec_driver_sql(f"RELEASE SAVEPOINT panel; {usual}")
        return
    # SQLite: reads run without a transaction, and a savepoint would ask for the write lock.
    end = time.monotonic() + seconds
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        yield connection
    finally:
        driver.set_progress_handler(None, 0)
