"""How many: from the sampler's last snapshot, else counted to a bound. No request counts further.

What no index bounds is counted a stretch a request: each number says where the next one goes on.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from counterfoil.filters import FilterError, TicketFilter
from counterfoil.keyset import CursorError, Place, read_place
from counterfoil.tabs import TABS
from counterfoil.ticket import Ticket
from counterfoil.walks import Scan, edge, walk

from .look import Look, at_once, stretch
from .tickets import Page

MOST = 10_000
MOST_LOOKED = 100_000
"""Rows that are looked through for one number, by as many requests as that takes."""
STALE = timedelta(seconds=10)

_BEGUN = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,2})\.(.*)", re.ASCII)


@dataclass(frozen=True)
class Begun:
    """How far a number has come: found, rows looked through, which of the filter's walks, its last row."""

    n: int = 0
    looked: int = 0
    walk: int = 0
    place: Place | None = None

    def written(self) -> str:
        """As it stands in an address."""
        return f"{self.n}.{self.looked}.{self.walk}.{self.place.written() if self.place else ''}"


@dataclass(frozen=True)
class Number:
    """How many there are; `more`: at least that many."""

    n: int
    more: bool = False
    begun: Begun | None = field(default=None, compare=False)
    """Where another request goes on."""

    def __add__(self, other: "Number") -> "Number":
        return Number(self.n + other.n, self.more or other.more)


@dataclass(frozen=True)
class TabCounts:
    """A number for each tab; `at` is the snapshot's time, None when they were counted for this page."""

    of: dict[str, Number]
    at: datetime | None = None


def tab_counts(
    connection: Connection, now: datetime, sampled: dict[str, Any] | None, at: datetime | None
) -> TabCounts:
    """The latest snapshot's numbers; tabs that it lacks (or all, without one) are counted to the bound."""
    known = sampled or {}
    found = {
        name: Number(int(known[name])) if name in known else _counted(connection, name, now)
        for name in TABS
        if name != "leaving"
    }
    return TabCounts(found, at)


def is_stale(counts: TabCounts, now: datetime) -> bool:
    """Whether the snapshot is so old that its age must be said."""
    return counts.at is not None and now - counts.at > STALE


def number(
    connection: Connection,
    wanted: TicketFilter,
    now: datetime,
    look: Look | None = None,
    begun: str = "",
    rows: int | None = None,
) -> Number:
    """How many tickets a filter means, exact to 10,000; what no index bounds a stretch at a time.

    `look`: that of its page, which has asked some of it. `begun`: where an earlier number ended. `rows`: how
    many it looks through, where nobody goes on. Raises FilterError for what is no such place.
    """
    look = look or Look(connection, wanted, now)
    look.rows = rows or look.rows
    if not begun and look.ids is not None:
        if not look.ids:
            return Number(0)
        return Number(connection.execute(look.number_named()).scalar_one())
    if len(look.scans) > 1 and look.is_bounded:
        inside = at_once([_inside(scan, MOST + 1) for scan in look.scans]).limit(MOST + 1).subquery()
        found = connection.execute(select(func.count()).select_from(inside)).scalar_one()
        return Number(min(found, MOST), found > MOST)
    return _gone_on(look, _read(begun, look.scans) if begun else Begun())


def _read(written: str, scans: list[Scan]) -> Begun:
    found = _BEGUN.fullmatch(written)
    if found and int(found[1]) <= MOST and int(found[3]) < len(scans):
        try:
            place = read_place(f"f.{found[4]}", scans[0].order)[0] if found[4] else None
            return Begun(int(found[1]), int(found[2]), int(found[3]), place)
        except CursorError:
            pass
    raise FilterError("counted", written, "no place of this number; load the list, which counts anew")


def _gone_on(look: Look, begun: Begun) -> Number:
    """The number after one more stretch."""
    n, left, place = begun.n, look.rows, begun.place
    for at, scan in list(enumerate(look.scans))[begun.walk :]:
        if left <= 0:  # the row that the last walk ended at has gone meanwhile
            return _cut_short(Begun(n, begun.looked + look.rows, at))
        of_it, seen, end = _number(look, scan, MOST - n, left, place)
        n, left, place = n + of_it.n, left - seen, None
        if of_it.more:
            return Number(MOST, True)
        if end:
            return _cut_short(Begun(n, begun.looked + look.rows, at, end))
    return Number(n)


def _cut_short(rest: Begun) -> Number:
    return Number(rest.n, True, rest if rest.looked < MOST_LOOKED else None)


def of_page(found: Page) -> Number | None:
    """How many there are if a page tells: a first one that is not full, or one of what an index found."""
    if found.total is not None:
        return Number(found.total)
    if not found.previous and not found.next:
        return Number(len(found.rows))
    return None


def _counted(connection: Connection, tab: str, now: datetime) -> Number:
    found = number(connection, TicketFilter(tab=tab), now, rows=MOST)
    if tab != "expiring":
        return found
    return found + number(connection, TicketFilter(tab="leaving"), now, rows=MOST)


def _number(
    look: Look, scan: Scan, most: int, rows: int, place: Place | None
) -> tuple[Number, int, Place | None]:
    """How many of one walk, how many rows of those that a request may look through, and where they ended.

    Limits: a row that comes or goes between the two statements is counted twice, or not.
    """
    if not scan.residual:
        inside = _inside(scan, most + 1).subquery()
        found = look.connection.execute(select(func.count()).select_from(inside)).scalar_one()
        return Number(min(found, most), found > most), 0, None
    part = stretch(scan, rows, place).subquery()
    both = select(func.count(part.c.passes), func.count()).select_from(part)
    found, seen = look.connection.execute(both).one()
    end = edge(look.connection, scan, rows, place) if seen == rows else None
    return Number(min(found, most), found > most), seen, end


def _inside(scan: Scan, most: int) -> Select[Any]:
    return walk(scan, select(Ticket.id)).limit(most)
