"""Which texts are too common to be asked of an index of texts.

A trigram index reads every row that it finds before the first is shown, so a common text would cost what a
scan costs. PostgreSQL's planner is asked before, by the sample that ANALYZE took; SQLite's index stops where
it has found too many. Either answer is remembered for half a minute.
"""

import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

FEW = 2000
_SHARE = 0.0005
"""Of the table. The planner takes no text for rarer than a ten thousandth."""

_TABLE = "SELECT id FROM counterfoil_tickets"

KEPT_SECONDS = 30.0
MOST_KEPT = 500
_told: WeakKeyDictionary[Engine, dict[tuple[tuple[str, ...], str], tuple[float, bool]]] = WeakKeyDictionary()
"""Until when it holds that such queries find few of such a pattern, or not."""


def are_rare(connection: Connection, queries: Sequence[str], pattern: str) -> bool:
    """Whether the planner expects few rows of each of these queries on the tickets, of this `:pattern`.

    What it said is kept for half a minute: it changes with ANALYZE alone, and a page, its number and the rows
    that an open list asks for again all ask the same.
    """
    kept = _kept(connection, queries, pattern)
    if kept is not None:
        return kept
    rare = _expected(connection, queries, pattern)
    _keep(connection, queries, pattern, rare)
    return rare


def are_common(connection: Connection, queries: Sequence[str], pattern: str) -> bool:
    """Whether an index has found too many of it, less than half a minute ago."""
    return _kept(connection, queries, pattern) is False


def were_common(connection: Connection, queries: Sequence[str], pattern: str) -> None:
    """They are more than anybody wants, whatever the planner thought. Kept as long as its word is."""
    _keep(connection, queries, pattern, rare=False)


def _kept(connection: Connection, queries: Sequence[str], pattern: str) -> bool | None:
    until, rare = _told.get(connection.engine, {}).get((tuple(queries), pattern), (0.0, False))
    return rare if until > time.monotonic() else None


def _keep(connection: Connection, queries: Sequence[str], pattern: str, rare: bool) -> None:
    told = _told.setdefault(connection.engine, {})
    if len(told) >= MOST_KEPT:
        told.clear()
    told[tuple(queries), pattern] = time.monotonic() + KEPT_SECONDS, rare


def _expected(connection: Connection, queries: Sequence[str], pattern: str) -> bool:
    explain = f"EXPLAIN (FORMAT JSON) {' UNION ALL '.join([_TABLE, *queries])}"
    told = connection.execute(text(explain), {"pattern": pattern}).scalar_one()
    table, *expected = (plan["Plan Rows"] for plan in told[0]["Plan"]["Plans"])
    return bool(max(expected) <= max(FEW, _SHARE * table))
