"""Statements of the hot path, compiled once and handed to the driver.

SQLAlchemy's own way costs 0.2 to 0.5 ms of processor time for each statement with some twenty columns, mostly
for the description of its result, and a ticket that simply succeeds has two. What is kept: the transaction,
the types, the errors, and the engine's listeners - where somebody listens for statements (tracing), they go
SQLAlchemy's way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from . import sqlite

Processor = Callable[[Any], Any]


class _Ready:
    """A statement as one driver takes it."""

    def __init__(self, clause: TextClause, result: Sequence[TypeEngine[Any]], dialect: Dialect) -> None:
        compiled: Any = clause.compile(dialect=dialect)
        self.sql: str = compiled.string
        self.writes = not self.sql.startswith("SELECT")
        self.order: list[str] | None = compiled.positiontup
        self.names = list(compiled.binds)
        self.into = {
            name: processor
            for name, bind in compiled.binds.items()
            if (processor := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        self.out: list[tuple[int, Processor]] = [
            (place, processor)
            for place, kind in enumerate(result)
            if (processor := kind.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ]

    def bound(self, values: Mapping[str, Any]) -> Any:
        given = {name: values[name] for name in self.names}
        for name, processor in self.into.items():
            given[name] = processor(given[name])
        return given if self.order is None else tuple(given[name] for name in self.order)

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self.out:
            return row
        values = list(row)
        for place, processor in self.out:
            values[place] = processor(values[place])
        return values


class Hot:
    """A statement by dialect; `result` are the types of what it returns (none: as the driver has it)."""

    def __init__(self, clause: Callable[[str], TextClause], result: Sequence[TypeEngine[Any]] = ()) -> None:
        self.clause = clause
        self.result = result
        self._ready: dict[tuple[str, str], _Ready] = {}

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Execute a statement that returns rows, in the connection's transaction; its first row.

        Raises what Connection.execute raises.
        """
        ready = self._for(connection.dialect)
        rows, _ = _execute(connection, ready, ready.bound(values), returns=True)
        return ready.read(rows[0]) if rows else None

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """The same, all of its rows."""
        ready = self._for(connection.dialect)
        rows, _ = _execute(connection, ready, ready.bound(values), returns=True)
        return [ready.read(row) for row in rows]

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute a statement that returns no rows; how many it changed. Raises as `first` does."""
        ready = self._for(connection.dialect)
        return _execute(connection, ready, ready.bound(values), returns=False)[1]

    def _for(self, dialect: Dialect) -> _Ready:
        key = (dialect.name, dialect.driver)
        if key not in self._ready:
            self._ready[key] = _Ready(self.clause(dialect.name), self.result, dialect)
        return self._ready[key]


def _execute(connection: Connection, ready: _Ready, given: Any, returns: bool) -> tuple[Sequence[Any], int]:
    sql = ready.sql
    if len(connection.engine.dispatch.before_cursor_execute) > sqlite.is_sqlite(connection):
        result = connection.exec_driver_sql(sql, given)
        return (result.fetchall() if returns else ()), result.rowcount
    if not connection.in_transaction():
        connection.begin()
    if ready.writes:
        sqlite.begin_immediate(connection)
    pooled = connection.connection
    # A driver's cursor that is used again knows the statement and its result's types.
    cursor = pooled.info.pop(ready, None) or pooled.cursor()
    try:
        cursor.execute(sql, given)
        # Read to its end: on SQLite an unread RETURNING blocks the commit.
        answer = (cursor.fetchall() if returns else ()), cursor.rowcount
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, cursor, sql, given, error) from error
    pooled.info[ready] = cursor
    return answer


def _told(connection: Connection, cursor: Any, sql: str, given: Any, error: Any) -> DBAPIError:
    dialect: Any = connection.dialect
    gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
    if gone:
        connection.invalidate(error)
    else:
        cursor.close()
    told = DBAPIError.instance(
        sql, given, error, dialect.loaded_dbapi.Error, connection_invalidated=gone, dialect=dialect
    )
    assert isinstance(told, DBAPIError)
    return told
