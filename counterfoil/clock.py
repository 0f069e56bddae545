"""The database's clock, for both dialects.

Every time in the tables is the database's: hosts' clocks may be off by an hour. Stamps read the wall clock
(`stamp`); conditions read the statement's start (`moment`), because an index condition needs a stable
function. `now()` is used nowhere: in a long transaction it is hours old.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from .columns import Utc

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f','now')||'000'"
STAMP = {"postgresql": "clock_timestamp()", "sqlite": f"({SQLITE_NOW})"}
MOMENT = {"postgresql": "statement_timestamp()", "sqlite": f"({SQLITE_NOW})"}
RANDOM_TOKEN = {
    "postgresql": "replace(gen_random_uuid()::text,'-','')",
    "sqlite": "(lower(hex(randomblob(16))))",
}


def after(dialect: str, seconds: str, base: str | None = None) -> str:
    """SQL for an instant `seconds` (an SQL expression, may be negative) after `base` (default: the stamp)."""
    if dialect == "postgresql":
        return f"({base or STAMP[dialect]} + ({seconds}) * interval '1 second')"
    start = base or "'now'"
    return f"(strftime('%Y-%m-%d %H:%M:%f',{start},(({seconds})||' seconds'))||'000')"


def ago(dialect: str, seconds: float) -> str:
    """SQL for the instant `seconds` before the statement's start; unlike a stamp it bounds an index."""
    return after(dialect, f"-{seconds:.0f}", MOMENT[dialect] if dialect == "postgresql" else None)


def elapsed_ms(dialect: str, since: str) -> str:
    """SQL for the whole milliseconds from the instant `since` until now."""
    if dialect == "postgresql":
        return f"(extract(epoch FROM clock_timestamp() - {since}) * 1000)::bigint"
    return f"CAST(round((julianday('now') - julianday({since})) * 86400000) AS INTEGER)"


def between_ms(dialect: str, since: str, until: str) -> str:
    """SQL for the whole milliseconds from the instant `since` until the instant `until`; null if one is."""
    if dialect == "postgresql":
        return f"(extract(epoch FROM {until} - {since}) * 1000)::bigint"
    return f"CAST(round((julianday({until}) - julianday({since})) * 86400000) AS INTEGER)"


_NOTHING: list[tuple[str, Any]] = []
"""Of an element that has no parts. Without it SQLAlchemy compiles each statement with one anew, half a
millisecond each time."""


class stamp(ColumnElement[Any]):
    """The database's wall clock, as an SQL expression and as a server default."""

    type = Utc()
    _traverse_internals = _NOTHING
    inherit_cache = True


class moment(ColumnElement[Any]):
    """The start of the statement by the database's clock; the form for conditions."""

    type = Utc()
    _traverse_internals = _NOTHING
    inherit_cache = True


class random_token(ColumnElement[Any]):
    """122 or more random bits as 32 hex digits, made by the database."""

    type = String(32)
    _traverse_internals = _NOTHING
    inherit_cache = True


class later(ColumnElement[Any]):
    """The database's wall clock plus a delta (a timedelta), evaluated by the database."""

    type = Utc()
    # The seconds are a bound value: a statement compiled anew for each delay costs a millisecond.
    _traverse_internals = [("seconds", InternalTraversal.dp_clauseelement)]
    inherit_cache = True

    def __init__(self, delta: timedelta) -> None:
        self.seconds = literal(delta.total_seconds(), Float())


@compiles(stamp, "postgresql")
def _stamp_postgresql(element: stamp, compiler: SQLCompiler, **kw: Any) -> str:
    return STAMP["postgresql"]


@compiles(stamp, "sqlite")
def _stamp_sqlite(element: stamp, compiler: SQLCompiler, **kw: Any) -> str:
    return STAMP["sqlite"]


@compiles(moment, "postgresql")
def _moment_postgresql(element: moment, compiler: SQLCompiler, **kw: Any) -> str:
    return MOMENT["postgresql"]


@compiles(moment, "sqlite")
def _moment_sqlite(element: moment, compiler: SQLCompiler, **kw: Any) -> str:
    return MOMENT["sqlite"]


@compiles(random_token, "postgresql")
def _token_postgresql(element: random_token, compiler: SQLCompiler, **kw: Any) -> str:
    return RANDOM_TOKEN["postgresql"]


@compiles(random_token, "sqlite")
def _token_sqlite(element: random_token, compiler: SQLCompiler, **kw: Any) -> str:
    return RANDOM_TOKEN["sqlite"]


@compiles(later)
def _later(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    return after(compiler.dialect.name, compiler.process(element.seconds, **kw))
