"""The candidates: pending tickets with a turn, in the order in which claims find them, and looks at them.

Index: counterfoil_tickets_claim. Only a claim's probe takes a lock; the looks of scheduler and drain do not.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from .clock import MOMENT, after, elapsed_ms
from .database import by
from .priority import NUMBERS
from .ticket import CLAIMED_BEFORE, UNCLAIMED


def candidate(dialect: str, lock: bool, beyond: str = "") -> str:
    """The id of the first candidate that is due: index counterfoil_tickets_claim, one probe a priority.

    With a lock it is a claim's, which begins at the drain's floors (PostgreSQL).
    """
    where = f"state = 'pending' AND turn AND queue = :queue AND due_at <= {MOMENT[dialect]}{beyond}"
    if dialect == "postgresql":
        locked, each = "", "unnest(ARRAY[1,3,5,7,9]::smallint[]) AS p(priority)"
        if lock:
            locked = " FOR UPDATE SKIP LOCKED"
            each = (
                "unnest(ARRAY[1,3,5,7,9]::smallint[], CAST(:floors AS timestamptz[])) AS p(priority, floor)"
            )
            where += " AND t.due_at >= p.floor"
        return (
            f"SELECT c.id FROM {each}, LATERAL ("
            f"SELECT t.id FROM counterfoil_tickets t WHERE {where} AND t.priority = p.priority "
            f"ORDER BY t.due_at, t.id LIMIT 1{locked}) c LIMIT 1"
        )
    probes = ", ".join(
        f"(SELECT id FROM counterfoil_tickets{by(dialect, 'claim')} WHERE {where} AND priority = {p} "
        "ORDER BY due_at, id LIMIT 1)"
        for p in NUMBERS
    )
    return f"SELECT coalesce({probes})"


def due_queues(connection: Connection, ahead_seconds: float | None = None) -> list[str]:
    """The queues that have a due candidate: a loose scan over the claim's index.

    With `ahead_seconds`: those with one that becomes due within so many, or did within the last second.
    """
    dialect = connection.dialect.name
    first = candidate(dialect, lock=False).replace(":queue", "k.queue")
    if ahead_seconds is not None:
        window = f"due_at > {_in(dialect, -1.0)} AND due_at <= {_in(dialect, ahead_seconds)}"
        first = first.replace(f"due_at <= {MOMENT[dialect]}", window)
    following = (
        "SELECT {} FROM counterfoil_tickets w WHERE w.state = 'pending' AND w.turn{} ORDER BY w.queue LIMIT 1"
    )
    rows: Iterable[Any] = connection.execute(
        text(f"""
WITH RECURSIVE k(queue) AS (
  SELECT ({following.format("w.queue", "")})
  UNION ALL
  SELECT ({following.format("w.queue", " AND w.queue > k.queue")}) FROM k WHERE k.queue IS NOT NULL
)
SELECT k.queue FROM k WHERE k.queue IS NOT NULL AND ({first}) IS NOT NULL""")
    )
    return [row.queue for row in rows]


def has_due(connection: Connection, queue: str) -> bool:
    """Whether the queue has a due candidate, whoever may hold it; takes no lock."""
    first = candidate(connection.dialect.name, lock=False)
    return bool(connection.execute(text(f"SELECT ({first}) IS NOT NULL"), {"queue": queue}).scalar())


def seconds_to_next(connection: Connection, queue: str, within_seconds: float) -> float | None:
    """How long until the queue's next candidate is due, if that is within so many seconds."""
    dialect = connection.dialect.name
    moment, ahead = MOMENT[dialect], _in(dialect, within_seconds)
    probes = " UNION ALL ".join(
        f"SELECT (SELECT due_at FROM counterfoil_tickets{by(dialect, 'claim')} WHERE state = 'pending' "
        f"AND turn AND queue = :queue AND priority = {p} AND due_at > {moment} AND due_at <= {ahead} "
        "ORDER BY due_at, id LIMIT 1) AS due_at"
        for p in NUMBERS
    )
    wait = f"-{elapsed_ms(dialect, 'nearest.due_at')}"
    first = text(f"SELECT {wait} FROM (SELECT min(due_at) AS due_at FROM ({probes}) probes) nearest")
    found = connection.execute(first, {"queue": queue}).scalar()
    return None if found is None else max(0.0, float(found) / 1000)


def _in(dialect: str, seconds: float) -> str:
    """SQL for the instant so many seconds from now; like a moment it bounds an index."""
    return after(dialect, f"{seconds:.3f}", MOMENT[dialect] if dialect == "postgresql" else None)


def seconds_to_next_due(connection: Connection) -> float | None:
    """How long until the next pending ticket is due, by the database's clock; None when none is delayed."""
    dialect = connection.dialect.name
    halves = " UNION ALL ".join(
        f"SELECT (SELECT due_at FROM counterfoil_tickets WHERE {half} AND due_at > {MOMENT[dialect]} "
        "ORDER BY due_at LIMIT 1) AS due_at"
        for half in (UNCLAIMED, CLAIMED_BEFORE)
    )
    wait = f"-{elapsed_ms(dialect, 'nearest.due_at')}"
    nearest = f"SELECT {wait} FROM (SELECT min(due_at) AS due_at FROM ({halves}) halves) nearest"
    found = connection.execute(text(nearest)).scalar()
    return None if found is None else max(0.0, float(found) / 1000)
