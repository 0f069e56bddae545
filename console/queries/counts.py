"""How many: from the sampler's last snapshot, else counted to a bound. No request counts further."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from counterfoil.filters import TicketFilter
from counterfoil.tabs import TABS
from counterfoil.ticket import Ticket
from counterfoil.walks import Scan, walk

from .look import Look, at_once, stretch
from .tickets import Page

MOST = 10_000
STALE = timedelta(seconds=10)


@dataclass(frozen=True)
class Number:
    """How many there are; `more`: at least that many."""

    n: int
    more: bool = False

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


def number(connection: Connection, wanted: TicketFilter, now: datetime, look: Look | None = None) -> Number:
    """How many tickets a filter means, exact to 10,000; less where only a stretch was looked through.

    `look`: that of its page, which has asked some of it.
    """
    look = look or Look(connection, wanted, now)
    if look.ids is not None:
        if not look.ids:
            return Number(0)
        return Number(connection.execute(look.number_named()).scalar_one())
    if len(look.scans) > 1 and look.is_bounded:
        inside = at_once([_inside(scan, MOST + 1) for scan in look.scans]).limit(MOST + 1).subquery()
        found = connection.execute(select(func.count()).select_from(inside)).scalar_one()
        return Number(min(found, MOST), found > MOST)
    total, left = Number(0), look.rows
    for scan in look.scans:
        if total.n >= MOST or left <= 0:
            return Number(total.n, True)
        of_it, seen = _number(look, scan, MOST - total.n, left)
        total, left = total + of_it, left - seen
    return total


def of_page(found: Page) -> Number | None:
    """How many there are if a page tells: a first one that is not full, or one of what an index found."""
    if found.total is not None:
        return Number(found.total)
    if not found.previous and (found.stretched or not found.next):
        return Number(len(found.rows), found.stretched)
    return None


def _counted(connection: Connection, tab: str, now: datetime) -> Number:
    found = number(connection, TicketFilter(tab=tab), now)
    return found + number(connection, TicketFilter(tab="leaving"), now) if tab == "expiring" else found


def _number(look: Look, scan: Scan, most: int, rows: int) -> tuple[Number, int]:
    """How many of one walk, and how many rows it took of those that a request may look through."""
    if not scan.residual:
        inside = _inside(scan, most + 1).subquery()
        found = look.connection.execute(select(func.count()).select_from(inside)).scalar_one()
        return Number(min(found, most), found > most), 0
    part = stretch(scan, rows).subquery()
    both = select(func.count(part.c.passes), func.count()).select_from(part)
    found, seen = look.connection.execute(both).one()
    return Number(min(found, most), found > most or seen == rows), seen


def _inside(scan: Scan, most: int) -> Select[Any]:
    return walk(scan, select(Ticket.id)).limit(most)
