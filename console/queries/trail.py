"""The trail's pages: newest first, keyset by id both ways, filtered by listed fields."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from counterfoil.tables import TrailEntry
from counterfoil.ticket import Ticket
from counterfoil.undo import UNDOABLE, may_be_undone

PAGE = 50
STRETCH = 20_000
"""Entries looked through for one page: a filter that few fit must not read the whole trail."""


@dataclass(frozen=True)
class TrailFilter:
    """What to look for; None means any. `actor`, `verb`, `subject` and `root` are exact."""

    actor: str | None = None
    verb: str | None = None
    ticket: int | None = None
    subject: str | None = None
    root: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    refused: bool = False

    def arguments(self) -> dict[str, str]:
        """As it stands in the address."""
        given = {
            "actor": self.actor, "verb": self.verb, "ticket": self.ticket, "subject": self.subject,
            "root": self.root, "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
        }  # fmt: skip
        found = {name: str(value) for name, value in given.items() if value is not None}
        return found | ({"refused": "1"} if self.refused else {})


@dataclass(frozen=True)
class TrailPage:
    """Entries, newest first. `older`, `newer`: ids for the next page's address, None when there is none.

    `looked_through`: the stretch ended before the page was full.
    """

    rows: list[Row[Any]]
    older: int | None
    newer: int | None
    looked_through: bool


def page(
    connection: Connection, wanted: TrailFilter, before: int | None = None, after: int | None = None
) -> TrailPage:
    """A page that ends before the id `before`, or begins after the id `after`; else the newest."""
    if after is not None:
        return _newer(connection, wanted, after)
    query = _filtered(wanted)
    start = before
    if wanted.until is not None:
        newest = _edge(connection, TrailEntry.at < wanted.until, TrailEntry.at.desc(), func.max)
        start = min(newest + 1, *([before] if before is not None else [newest + 1]))
    if start is not None:
        query = query.where(TrailEntry.id < start)
    floor = None if wanted.ticket is not None else _floor(connection, start)
    if wanted.since is not None:
        oldest = _edge(connection, TrailEntry.at >= wanted.since, TrailEntry.at.asc(), func.min)
        query = query.where(TrailEntry.id >= oldest)
        floor = None if floor is None or floor <= oldest else floor
    if floor is not None:
        query = query.where(TrailEntry.id >= floor)
    rows = [*connection.execute(query.order_by(TrailEntry.id.desc()).limit(PAGE + 1)).all()]
    full = len(rows) > PAGE
    rows = rows[:PAGE]
    older = rows[-1].id if full else floor
    newer = rows[0].id if rows and before is not None else (before - 1 if before is not None else None)
    return TrailPage(rows, older, newer, looked_through=not full and floor is not None)


def entry(connection: Connection, trail_id: int) -> Row[Any] | None:
    """One entry by its id."""
    return connection.execute(select(TrailEntry.__table__).where(TrailEntry.id == trail_id)).first()


def gone(connection: Connection, rows: Iterable[Row[Any]]) -> frozenset[int]:
    """The ids of those tickets that are there no more: purged, perhaps archived; the trail outlives them."""
    named = {row.ticket_id for row in rows if row.ticket_id is not None}
    there = select(Ticket.id).where(Ticket.id.in_(named))
    return frozenset(named - set(connection.execute(there).scalars()))


def undoable(connection: Connection, rows: Iterable[Row[Any]]) -> frozenset[int]:
    """The ids of those entries whose act may still be taken back; one look at the tickets by their ids."""
    named = {row.ticket_id for row in rows if row.ticket_id is not None and row.verb in UNDOABLE}
    query = select(Ticket.id, Ticket.moves, Ticket.state, Ticket.kept, Ticket.acknowledged_at)
    tickets = {row.id: row._mapping for row in connection.execute(query.where(Ticket.id.in_(named)))}
    return frozenset(row.id for row in rows if may_be_undone(row, tickets.get(row.ticket_id)))


def _newer(connection: Connection, wanted: TrailFilter, after: int) -> TrailPage:
    query = _filtered(wanted).where(TrailEntry.id > after).order_by(TrailEntry.id).limit(PAGE + 1)
    rows = [*connection.execute(query).all()]
    more = len(rows) > PAGE
    rows = rows[:PAGE][::-1]
    if not more:  # the newest page: filled up from below
        return page(connection, wanted)
    return TrailPage(rows, rows[-1].id, rows[0].id, looked_through=False)


def _edge(connection: Connection, bound: Any, order: Any, take: Any) -> int:
    """About where a time lies among the ids; a little beyond it: who commits later may have the lower id.

    Index: counterfoil_trail_at.
    """
    near = select(TrailEntry.id).where(bound).order_by(order).limit(PAGE).subquery()
    found = connection.execute(select(take(near.c.id))).scalar()
    return int(found) if found is not None else 0


def _floor(connection: Connection, before: int | None) -> int | None:
    """The id a stretch below; None when the trail ends earlier."""
    query = select(TrailEntry.id).order_by(TrailEntry.id.desc()).offset(STRETCH).limit(1)
    if before is not None:
        query = query.where(TrailEntry.id < before)
    return connection.execute(query).scalar()


def _filtered(wanted: TrailFilter) -> Select[Any]:
    query = select(TrailEntry.__table__)
    for column, value in (
        (TrailEntry.actor, wanted.actor),
        (TrailEntry.verb, wanted.verb),
        (TrailEntry.ticket_id, wanted.ticket),
        (TrailEntry.subject, wanted.subject),
        (TrailEntry.root_id, wanted.root),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(TrailEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(TrailEntry.at < wanted.until)
    return query.where(TrailEntry.refused.is_not(None)) if wanted.refused else query
