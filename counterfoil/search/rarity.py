"""How common PostgreSQL's statistics say a text is, asked before its trigram index is read.

A trigram index reads every row that it finds before the first is shown, so a common text would cost what a
scan costs. The planner knows which are common from the sample that ANALYZE took.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

FEW = 2000
_SHARE = 0.0005
"""Of the table. The planner takes no text for rarer than a ten thousandth."""

_TABLE = "SELECT id FROM counterfoil_tickets"


def are_rare(connection: Connection, queries: Sequence[str], pattern: str) -> bool:
    """Whether the planner expects few rows of each of these queries on the tickets, of this `:pattern`."""
    explain = f"EXPLAIN (FORMAT JSON) {' UNION ALL '.join([_TABLE, *queries])}"
    told = connection.execute(text(explain), {"pattern": pattern}).scalar_one()
    table, *expected = (plan["Plan Rows"] for plan in told[0]["Plan"]["Plans"])
    return bool(max(expected) <= max(FEW, _SHARE * table))
