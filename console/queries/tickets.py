"""A page of tickets: keyset both ways, at a cost that depends on neither depth nor size of the table.

A condition that the list's index cannot bound (text, queue) is looked for in a bounded stretch of the index:
a page that ends there says so and can be read on; no request walks ten million rows.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select

from counterfoil.clock import moment
from counterfoil.filters import TicketFilter
from counterfoil.keyset import MAX_ID, Place, read_place
from counterfoil.search.tree import Term
from counterfoil.ticket import Ticket
from counterfoil.walks import Scan, sorted_by, walk

from .look import Look, Walked, among

SIZE = 50

ERROR_CHARACTERS = 300

COLUMNS = (
    Ticket.id, Ticket.state, Ticket.view_model, Ticket.root_id, Ticket.root_label, Ticket.queue,
    Ticket.priority, Ticket.moves, Ticket.attempts, Ticket.max_attempts, Ticket.claims, Ticket.opened_at,
    Ticket.due_at, Ticket.started_at, Ticket.done, Ticket.delete_time, Ticket.kept, Ticket.expires_at,
    Ticket.drain_id, Ticket.aside, Ticket.postponed_count, Ticket.error_kind, Ticket.duration_ms,
    Ticket.trouble,
)  # fmt: skip

TicketRow = Row[Any]


@dataclass(frozen=True)
class Page:
    """Rows in the list's order, the cursors beside them, and whether the look ended before the list did."""

    rows: list[TicketRow]
    next: str | None = None
    previous: str | None = None
    stretched: bool = False
    total: int | None = None
    """How many the whole list has, where that is known."""
    look: Look | None = None
    """What was asked for it, for whoever counts the list."""


def database_now(connection: Connection) -> datetime:
    """The database's time: what "due" and "in 24 hours" mean on this page."""
    return connection.execute(select(moment())).scalar_one()  # type: ignore[no-any-return]


def page(
    connection: Connection, wanted: TicketFilter, cursor: str | None, now: datetime, bare: bool = False
) -> Page:
    """One page; `bare`: its rows have an id and what they are sorted by, for whoever shows none.

    Raises CursorError for a cursor that is none or belongs to another order.
    """
    look = Look(connection, wanted, now)
    order = look.scans[0].order
    place, forward = read_place(cursor, order) if cursor else (None, True)
    named = look.ids is not None  # an index of the words has found the few that it can be
    whole = named or (len(look.scans) == 1 and look.is_bounded and not bare)
    if named:
        walked = Walked(_among(look, place, forward, bare), [])
    elif whole:
        walked = Walked(_walked_whole(look, look.scans[0], whole_rows(), place, forward), [])
    else:
        walked = look.walk(SIZE + 1, place, forward)
    descending = order.descending == forward
    found: list[TicketRow] = list(walked.rows)
    found.sort(key=lambda row: Place.of(row, order).sort_key(), reverse=descending)
    edge = sorted(walked.edges, key=Place.sort_key, reverse=descending)[0] if walked.edges else None
    if edge and len(look.scans) > 1:
        found = [row for row in found if _within(Place.of(row, order), edge, descending)]
    more = len(found) > SIZE
    total = _total(found, place) if named else None
    rows = found[:SIZE] if whole or bare else _whole(connection, found[:SIZE])
    if not forward and not more and not edge:
        return page(connection, wanted, None, now, bare)  # the list's beginning: whole, not the rest of it
    ahead = Place.of(rows[-1], order) if more else edge
    stretched = edge is not None and not more
    if not forward:
        rows.reverse()
        back = f"f.{(Place.of(rows[-1], order) if rows else place or edge).written()}"  # type: ignore[union-attr]
        return Page(rows, back, f"b.{ahead.written()}" if ahead else None, stretched, total, look)
    if place is None and wanted.q and not named:
        rows = [*_named(connection, wanted, now, {row.id for row in rows}), *rows]
    back_to = Place.of(rows[0], order) if rows else place
    return Page(
        rows,
        f"f.{ahead.written()}" if ahead else None,
        f"b.{back_to.written()}" if place and back_to else None,
        stretched,
        total,
        look,
    )


def by_ids(connection: Connection, ids: list[int], wanted: TicketFilter, now: datetime) -> list[TicketRow]:
    """These tickets as they are now, with `matches`: whether they still belong to the list."""
    # As a CASE: a condition that is text alone, as the tab "all" has, cannot bear a label.
    matches = case((wanted.where(now), True), else_=False).label("matches")
    return list(connection.execute(whole_rows().add_columns(matches).where(among(connection, ids))).all())


@cache
def whole_rows() -> Any:
    """Tickets with all that a list shows of one; the caller says which."""
    # Made once: to say 25 columns to SQLAlchemy takes longer than to read a page of them.
    return select(*COLUMNS, func.substr(Ticket.error, 1, ERROR_CHARACTERS).label("error"))


def _whole(connection: Connection, ids: list[TicketRow]) -> list[TicketRow]:
    """The rows of these ids, in their order."""
    if not ids:
        return []
    asked = whole_rows().where(among(connection, [row.id for row in ids]))
    found = {row.id: row for row in connection.execute(asked).all()}
    return [found[row.id] for row in ids if row.id in found]


def _walked_whole(
    look: Look, scan: Scan, shown: Select[Any], place: Place | None, forward: bool
) -> list[TicketRow]:
    """A page and one of a single walk that meets only what is wanted, with all that is shown."""
    return list(look.connection.execute(walk(scan, shown, place, forward).limit(SIZE + 1)).all())


def _among(look: Look, place: Place | None, forward: bool, bare: bool) -> list[TicketRow]:
    """The same of the few that an index of the words has found; each row says how many they are."""
    if not look.ids:
        return []
    order = look.scans[0].order
    shown: Any = select(*sorted_by(order)) if bare else whole_rows()
    # From a place on the window sees only what is beyond it.
    number: Any = look.number_named().scalar_subquery() if place else func.count().over()
    few = Scan("counterfoil_tickets_pkey", (look.named,), (), order)
    return _walked_whole(look, few, shown.add_columns(number.label("total")), place, forward)


def _total(found: list[TicketRow], place: Place | None) -> int | None:
    """How many an index has found; not known behind the last of them."""
    if not found:
        return None if place else 0
    return int(found[0].total)


def _named(connection: Connection, wanted: TicketFilter, now: datetime, but: set[int]) -> list[TicketRow]:
    """The ticket that a search of one text names, however old it is: by id or token, of the same list."""
    if not isinstance(wanted.search, Term) or wanted.search.field:
        return []
    words = wanted.search.value
    by_id = words.isascii() and words.isdigit() and int(words[:20]) <= MAX_ID
    named = Ticket.id == int(words) if by_id else Ticket.token == words
    found = connection.execute(whole_rows().where(named, wanted.where(now)).limit(1))
    return [row for row in found if row.id not in but]


def _within(place: Place, edge: Place, descending: bool) -> bool:
    return place.sort_key() >= edge.sort_key() if descending else place.sort_key() <= edge.sort_key()
