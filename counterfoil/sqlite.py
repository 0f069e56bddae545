"""SQLite as the product needs it: WAL, a patience for locks, and transactions that begin where they must.

Python's driver opens transactions in ways that lose work here: SAVEPOINT opens none, so its release commits;
a transaction that reads and then writes gets SQLITE_BUSY at once, whatever the busy timeout. So the driver
is put into autocommit and we begin ourselves: reads run without a transaction, and BEGIN IMMEDIATE goes out
with the first write or savepoint.
"""

import re
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from .search.folding import FUNCTION, folded

BUSY_TIMEOUT_SECONDS = 10
PREPARED = "counterfoil_prepared"

# What needs no transaction of its own. WITH may hide a write, so it begins one.
_READS = re.compile(r"\s*(SELECT|PRAGMA|EXPLAIN|BEGIN|COMMIT|ROLLBACK|ATTACH|DETACH|VACUUM)\b", re.IGNORECASE)


def prepare(engine: Engine, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> Engine:
    """Install the connect and begin listeners on a SQLite engine; does nothing on any other. Idempotent.

    The extension does this for a Flask host; a host without it calls it once, before its first connection.
    """
    if engine.dialect.name != "sqlite" or is_prepared(engine):
        return engine

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.create_function(FUNCTION, 1, folded, deterministic=True)
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "before_cursor_execute")
    def begin(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if not _READS.match(statement):
            begin_immediate(connection)

    # Connections of the pool that are older than the listeners would lack them.
    engine.dispose()
    setattr(engine, PREPARED, True)
    return engine


def is_prepared(engine: Engine) -> bool:
    """Whether `prepare` was called on this engine (or it needs no preparation)."""
    return engine.dialect.name != "sqlite" or getattr(engine, PREPARED, False)


def is_sqlite(connection: Connection) -> bool:
    """Whether it is a connection to SQLite; such an engine, prepared, has one listener for statements."""
    return connection.dialect.name == "sqlite"


def begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock now, if this connection is not in a transaction. No-op on other dialects."""
    if connection.dialect.name != "sqlite":
        return
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")
