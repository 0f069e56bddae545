"""A pooler before PostgreSQL that gives each transaction another session (PgBouncer in transaction mode).

What is set or prepared there for a session stays behind for other clients, and is missing in our own next
transaction. So behind one, settings go out with each transaction and for it alone, and nothing is prepared.
A pooler shows by the process id it makes up: it is not that of the server's process that answers.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

BEHIND = "counterfoil_behind_a_pooler"


def set_for_each(engine: Engine, **settings: str) -> Engine:
    """Have every connection of an engine on PostgreSQL work by these settings, behind a pooler or not.

    Values are constants of ours. By statements, for PgBouncer refuses start-up options.
    """
    pairs = [f"set_config('{name}', '{value}', {{}})" for name, value in settings.items()]
    wish = f"SELECT {', '.join(pairs)}"
    for_session, for_transaction = wish.replace("{}", "false"), wish.replace("{}", "true")

    @event.listens_for(engine, "connect")
    def connect(dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[BEHIND] = behind = _is_behind(dbapi_connection)
        if behind:
            dbapi_connection.prepare_threshold = None  # psycopg's: never
        else:
            _execute(dbapi_connection, for_session)
        dbapi_connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.info.get(BEHIND):
            driver = connection.connection.dbapi_connection
            assert driver is not None
            _execute(driver, for_transaction)

    return engine


def _is_behind(connection: DBAPIConnection) -> bool:
    told = getattr(getattr(connection, "info", None), "backend_pid", None)
    return told is not None and _execute(connection, "SELECT pg_backend_pid()") != told


def _execute(connection: DBAPIConnection, statement: str) -> Any:
    """The first value that a statement returns."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        row = cursor.fetchone()
        return row[0] if row else None
    finally:
        cursor.close()
