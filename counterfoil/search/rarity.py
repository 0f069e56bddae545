"""How common PostgreSQL's statistics say a text is, asked before its trigram index is read.

A trigram index reads every row that it finds before the first is shown, so a common text would cost what a
scan costs. The planner knows which are common from the sample that ANALYZE took.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, select, text

FEW = 2000
_SHARE = 0.0005
"""Of the table. The planner takes no text for rarer than a ten thousandth."""

_ROWS = text("SELECT reltuples FROM pg_class WHERE oid = 'counterfoil_tickets'::regclass")


def are_rare(connection: Connection, queries: Iterable[Select[Any]]) -> bool:
    """Whether the planner expects few rows of each of these queries on the tickets."""
    most = max(FEW, _SHARE * connection.execute(_ROWS).scalar_one())
    return all(_expected(connection, query) <= most for query in queries)


def _expected(connection: Connection, query: Select[Any]) -> int:
    compiled: Any = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    told = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", compiled.params).scalar_one()
    return int(told[0]["Plan"]["Plan Rows"])


def all_of(query: Select[Any]) -> Select[Any]:
    """The query as one whose every row is wanted: a LIMIT alone would let the plan hope for an early end."""
    whole = query.offset(0).subquery()
    return select(whole.c.id).order_by(whole.c.id.desc())
