"""Batches: newest first, with their numbers, each counted to a limit so that no page hangs on a huge one."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from counterfoil.batches import Counts, counts
from counterfoil.tables import Batch

PAGE = 25
MOST = 10_000
"""Tickets of one state that are counted."""


@dataclass(frozen=True)
class Batches:
    """Some batches and how each stands; `older`: where the next page begins, `is_later`: not the first."""

    rows: list[Row[Any]]
    counts: dict[int, Counts]
    older: int | None
    is_later: bool


def page(connection: Connection, before: int | None = None, parent: int | None = None) -> Batches:
    """Those before an id, else the newest; with `parent`, the newest parts of that batch."""
    query = select(Batch.__table__).order_by(Batch.id.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(Batch.id < before)
    if parent is not None:
        query = query.where(Batch.parent_id == parent)
    rows = list(connection.execute(query))
    more = len(rows) > PAGE and parent is None
    rows = rows[:PAGE]
    return Batches(
        rows, numbers(connection, [row.id for row in rows]), rows[-1].id if more else None, before is not None
    )


def one(connection: Connection, batch_id: int) -> Row[Any] | None:
    """The batch of an id."""
    return connection.execute(select(Batch.__table__).where(Batch.id == batch_id)).first()


def numbers(connection: Connection, batch_ids: list[int]) -> dict[int, Counts]:
    """How these batches stand, each state to `MOST`."""
    return counts(connection, batch_ids, MOST)
