"""The tickets that a ticket's work has opened.

No index leads from a parent to them: it would cost every ticket for what a page rarely asks. They were opened
while it ran, and ids rise with time, so the place is found by halving over the primary key, and a stretch of
ids before the end of the run is looked through. Limits: the newest run; of work that ran while more than
`STRETCH` tickets were opened, its last part.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from counterfoil.columns import Utc
from counterfoil.ticket import Ticket

from .tickets import whole_rows

STRETCH = 3_000
MOST = 20
SLACK = timedelta(seconds=2)
"""Rows of other transactions may have been stamped in another order than they were numbered."""


@dataclass(frozen=True)
class FollowUps:
    """The first of them, oldest first; `part`: only the last opened meanwhile were looked through."""

    rows: list[Row[Any]]
    part: bool = False


def follow_ups(connection: Connection, row: Row[Any]) -> FollowUps:
    """What its last run has opened; none while it runs, for its effects are not there yet."""
    if row.started_at is None or row.done is None:
        return FollowUps([])
    last = _last_opened_by(connection, row.id, row.done + SLACK)
    first = max(row.id + 1, last - STRETCH + 1)
    own = whole_rows().where(Ticket.id.between(first, last), Ticket.parent_id == row.id)
    rows: list[Row[Any]] = list(connection.execute(own.order_by(Ticket.id).limit(MOST)))
    before = _opened(connection, first) if first > row.id + 1 else None
    return FollowUps(rows, before is not None and before > row.started_at)


_FURTHEST = 2**40
_HALVING = text(
    f"""
WITH RECURSIVE halving(low, step) AS (
  SELECT CAST(:low AS BIGINT), CAST({_FURTHEST} AS BIGINT)
  UNION ALL
  SELECT CASE WHEN (SELECT t.opened_at FROM counterfoil_tickets t
                    WHERE t.id >= low + step ORDER BY t.id LIMIT 1) <= :at THEN low + step ELSE low END,
         step / 2
  FROM halving WHERE step > 0
)
SELECT low FROM halving WHERE step = 0"""
).bindparams(bindparam("at", type_=Utc()))


def _last_opened_by(connection: Connection, low: int, at: datetime) -> int:
    """About the greatest id that was opened by then; `low` is one that was."""
    return connection.execute(_HALVING, {"low": low, "at": at}).scalar() or low


def _opened(connection: Connection, id_: int) -> datetime | None:
    """When the first ticket from this id on was opened; index: the primary key."""
    query = select(Ticket.opened_at).where(Ticket.id >= id_).order_by(Ticket.id).limit(1)
    return connection.execute(query).scalar()
