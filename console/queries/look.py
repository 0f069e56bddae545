"""One filter as one request looks for it: what its page and its number both need, asked once."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    any_,
    case,
    func,
    literal,
    literal_column,
    select,
    text,
    union_all,
)

from counterfoil.filters import TicketFilter
from counterfoil.keyset import Place
from counterfoil.search.lookup import lookup
from counterfoil.ticket import Ticket
from counterfoil.walks import Scan, row_at, sorted_by, walk

STRETCH = 5_000
"""Rows of an index that one request looks through for what the index cannot bound: to reach them takes either
database 5 to 15 ms, and a page has a mark of 50."""


@dataclass(frozen=True)
class Walked:
    """Rows that a look has met, and the places at which walks were cut short before they had enough."""

    rows: list[Row[Any]]
    edges: list[Place]


class Look:
    """The walks of a filter, and the few tickets that an index of its words names."""

    def __init__(self, connection: Connection, wanted: TicketFilter, now: datetime) -> None:
        self.connection = connection
        self.wanted = wanted
        self.now = now
        self.scans = wanted.scans(now)
        self.rows = STRETCH

    @property
    def is_bounded(self) -> bool:
        """Whether the walks' indexes bound all that the filter asks."""
        return not any(scan.residual for scan in self.scans)

    @cached_property
    def ids(self) -> list[int] | None:
        """Ids among which are all of its tickets; None where no index of words tells them."""
        return None if self.is_bounded else lookup(self.connection, self.wanted.search)

    @property
    def named(self) -> ColumnElement[bool]:
        """Of the few that an index of its words names, those that the filter means."""
        return and_(among(self.connection, self.ids or []), self.wanted.where(self.now))

    def number_named(self) -> Select[int]:
        """How many those are; as a part of another statement, too, it is of all of them."""
        return select(func.count()).select_from(Ticket).where(self.named).correlate(None)

    def walk(self, most: int, place: Place | None = None, forward: bool = True) -> Walked:
        """Up to so many of each walk from a place on, with an id and what they are sorted by.

        Several share what a request may look through.
        """
        share = max(self.rows // len(self.scans), 1)
        walks = [_walk(number, scan, share, most, place, forward) for number, scan in enumerate(self.scans)]
        rows = list(self.connection.execute(at_once(walks)).all())
        cut_short = [
            scan
            for number, scan in enumerate(self.scans)
            if scan.residual and sum(row.walk == number for row in rows) < most
        ]
        return Walked(rows, self._edges(cut_short, share, place, forward) if cut_short else [])

    def _edges(self, scans: list[Scan], rows: int, place: Place | None, forward: bool) -> list[Place]:
        """The place of row number `rows` of each walk that has as many, by its index alone."""
        last = at_once([row_at(scan, rows, place, forward) for scan in scans])
        return [Place.of(row, self.scans[0].order) for row in self.connection.execute(last)]


def at_once(walks: list[Select[Any]]) -> Any:
    """Several walks as one statement, each with an order and a limit of its own."""
    return walks[0] if len(walks) == 1 else union_all(*(select(walk.subquery()) for walk in walks))


def stretch(scan: Scan, rows: int, place: Place | None = None, forward: bool = True) -> Select[Any]:
    """The next so many rows of a walk's index; `passes` is 1 for those that the filter means, else NULL."""
    passes = case((and_(text("1=1"), *scan.residual), 1)).label("passes")
    return walk(scan, select(*sorted_by(scan.order), passes), place, forward).limit(rows)


def _walk(number: int, scan: Scan, rows: int, most: int, place: Place | None, forward: bool) -> Select[Any]:
    which: Any = literal_column(str(number)).label("walk")
    if not scan.residual:
        return walk(scan, select(*sorted_by(scan.order), which), place, forward).limit(most)
    # Without an order of its own: both databases hand a subquery's rows on as they come and stop when there
    # are enough; asked to sort, SQLite reads the whole stretch first.
    seen = stretch(scan, rows, place, forward).subquery()
    columns = [seen.c[column.key] for column in sorted_by(scan.order)]
    return select(*columns, which).where(seen.c.passes == 1).limit(most)


def among(connection: Connection, ids: list[int]) -> ColumnElement[bool]:
    """The ticket is one of these.

    On PostgreSQL as one value: psycopg reads a text of more than 50 values anew each time, which took longer
    than fetching the rows.
    """
    if connection.dialect.name == "postgresql":
        return Ticket.id == any_(literal(ids, ARRAY(BigInteger)))
    return Ticket.id.in_(ids)
