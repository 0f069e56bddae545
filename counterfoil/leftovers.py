"""What the purge of tickets leaves behind, and when it goes: operations, tracebacks, batches.

Each rule is one condition over old rows of one table; nothing goes that something else still names. The trail
and groups of errors have rules of their own (`keep_trail_days`, `error_groups.forget`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, bindparam, text

from .clock import ago
from .settings import Settings

DAY = 86_400.0
TRACEBACK_DAYS = 2
"""The least age of a traceback that goes: one that is seen again is refreshed after a day."""


@dataclass(frozen=True)
class Rule:
    """Rows of `table` (alias `o`) go when `column` is older than `seconds` and `unless` finds nothing.

    `parts`: rows of another table, by their column, that go before it.
    """

    word: str
    table: str
    column: str
    seconds: float
    unless: str
    also: str = ""
    parts: tuple[str, str] | None = None

    def due(self, dialect: str, ahead_seconds: float = 0) -> str:
        """SQL: the ids of what goes, the oldest first; `ahead_seconds`: within that time."""
        long_ago = ago(dialect, self.seconds - ahead_seconds)
        return (
            f"SELECT o.id FROM counterfoil_{self.table} o WHERE o.{self.column} < {long_ago} {self.also} "
            f"AND NOT EXISTS ({self.unless}) ORDER BY o.{self.column} LIMIT :chunk"
        )


def rules(settings: Settings) -> Iterator[Rule]:
    """All of them."""
    trouble, trail = settings.keep_trouble_days * DAY, settings.keep_trail_days * DAY
    told = "SELECT 1 FROM counterfoil_trail t WHERE t.operation_id = o.id"
    items = ("operation_items", "operation_id")
    yield Rule("operations", "operations", "ended_at", trail, told, parts=items)
    never = "AND o.started_at IS NULL AND o.ended_at IS NULL"
    yield Rule("operations", "operations", "asked_at", trouble, told, never, parts=items)
    yield Rule(
        "tracebacks",
        "tracebacks",
        "seen_at",
        max(trouble, TRACEBACK_DAYS * DAY),
        "SELECT 1 FROM counterfoil_attempts a WHERE a.traceback_id = o.id UNION ALL "
        "SELECT 1 FROM counterfoil_errors e WHERE e.traceback_id = o.id",
    )
    # A part is counted by the batch that it is a part of, while that is open.
    yield Rule(
        "batches",
        "batches",
        "closed_at",
        trouble,
        "SELECT 1 FROM counterfoil_tickets t WHERE t.batch_id = o.id UNION ALL "
        "SELECT 1 FROM counterfoil_batches c WHERE c.parent_id = o.id UNION ALL "
        "SELECT 1 FROM counterfoil_batches p WHERE p.id = o.parent_id AND p.closed_at IS NULL",
    )


def delete(connection: Connection, rule: Rule, chunk: int) -> int:
    """Delete up to `chunk` rows, or parts of them; how many."""
    chunks = bindparam("chunk", type_=BigInteger())
    due = rule.due(connection.dialect.name)
    if rule.parts is not None:
        table, column = f"counterfoil_{rule.parts[0]}", rule.parts[1]
        some = f"SELECT i.ticket_id, i.{column} FROM {table} i WHERE i.{column} IN ({due}) LIMIT :chunk"
        parts = text(f"DELETE FROM {table} WHERE (ticket_id, {column}) IN ({some})").bindparams(chunks)
        gone = connection.execute(parts, {"chunk": chunk}).rowcount
        if gone:
            return gone
    whole = text(f"DELETE FROM counterfoil_{rule.table} WHERE id IN ({due})").bindparams(chunks)
    return connection.execute(whole, {"chunk": chunk}).rowcount


def leaving(connection: Connection, settings: Settings, ahead_seconds: float, most: int) -> dict[str, int]:
    """How many of each word go within that time, counted to `most`; for the preview of a purge."""
    found: dict[str, int] = {}
    for rule in rules(settings):
        counted = f"SELECT count(*) FROM ({rule.due(connection.dialect.name, ahead_seconds)}) d"
        query = text(counted).bindparams(bindparam("chunk", type_=BigInteger()))
        number = int(connection.execute(query, {"chunk": most}).scalar_one())
        found[rule.word] = min(most, found.get(rule.word, 0) + number)
    return found
