"""The walks that find a filter's tickets: each over one index that bounds what it can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, select, text

from .keyset import Place, beyond, ordering
from .leading import Lead
from .search.hoist import hoist
from .search.of_state import of_state
from .search.sql import condition
from .search.tree import Node
from .tabs import PENDING_TAB, TABS, Condition, Order, Tab
from .ticket import Ticket

if TYPE_CHECKING:
    from .filters import TicketFilter

NEWEST = Order("id", descending=True)


@dataclass(frozen=True)
class Scan:
    """A walk over one index: rows that `bounded` finds come in `order`, and count if they pass `residual`."""

    index: str
    bounded: tuple[Condition, ...]
    residual: tuple[Condition, ...]
    order: Order
    state: str | None = None
    """The one state of its rows, if the walk is one of several by state."""
    lead: Lead | None = None
    """Part of `bounded`: what the index has before the id."""

    @property
    def where(self) -> ColumnElement[bool]:
        """Everything that a row must fulfil."""
        return and_(text("1=1"), *self.bounded, *self.residual)


def sorted_by(order: Order) -> list[Any]:
    """The columns that a place in this order is made of."""
    return [Ticket.id] if order.kind == "id" else [getattr(Ticket, order.column), Ticket.id]


def walk(scan: Scan, rows: Select[Any], place: Place | None = None, forward: bool = True) -> Select[Any]:
    """These columns of what a walk's index bounds, in its order from a place on; whoever asks adds a limit.

    In the index's order always: else a look over the table would meet the dead rows that a purge leaves.
    """
    order = ordering(scan.order, forward)
    if scan.lead:
        before = scan.lead.columns[0]
        order = [before.desc() if scan.order.descending == forward else before.asc(), *order]
    bounds = [behind(scan, place, forward)] if place else []
    return rows.where(text("1=1"), *scan.bounded, *bounds).order_by(*order)


def behind(scan: Scan, place: Place, forward: bool = True, inclusive: bool = False) -> ColumnElement[bool]:
    """Of what a walk's index bounds, the rows after a place, as its index alone tells them."""
    if scan.lead:
        return scan.lead.beyond(place, scan.order.descending == forward, inclusive)
    return beyond(scan.order, place, forward, inclusive)


def row_at(scan: Scan, number: int, place: Place | None = None, forward: bool = True) -> Select[Any]:
    """What row `number` of a walk is sorted by."""
    return walk(scan, select(*sorted_by(scan.order)), place, forward).offset(number - 1).limit(1)


def edge(
    connection: Connection, scan: Scan, rows: int, place: Place | None, forward: bool = True
) -> Place | None:
    """The place of row number `rows` of a walk from a place on; None if it has fewer. By the index alone."""
    found = connection.execute(row_at(scan, rows, place, forward)).first()
    return Place.of(found, scan.order) if found else None


def scans_of(wanted: TicketFilter, now: datetime) -> list[Scan]:
    """The walks of a filter; `now` is the database's time.

    One, but for tickets of a batch, a cause and all of a view model, one for each state, and for the two
    halves of what is pending. All have one order.
    What a search asks of all its tickets - a state, a root, a batch, a view model - chooses the index as the
    filter's own fields do.
    """
    set_already = {name for name in ("root", "batch", "view") if getattr(wanted, name)}
    found = hoist(wanted.search, frozenset(set_already | ({"tab"} if wanted.tab != "all" else set())))
    tab = _tab(wanted, found.values)
    by = {
        "root": wanted.root or found.values.get("root"),
        "batch": wanted.batch or found.values.get("batch"),
        "view": wanted.view or found.values.get("view"),
        "error": wanted.error,
        "queue": wanted.queue,
    }

    def own(but: str = "") -> list[Condition]:
        return narrow({name: value for name, value in by.items() if name != but})

    def narrowing(but: str = "") -> list[Condition]:
        return [*own(but), *_asked(found.rest, tab.state, now)]

    if wanted.span and tab.is_final:  # in the order of the span's own index, whatever else is asked
        bounded = (*tab.bounded(now, wanted.window), *within(wanted.span))
        return [Scan(tab.index, bounded, (*tab.residual(now, wanted.window), *narrowing()), tab.order)]
    if by["root"]:
        others = (*tab.conditions(now, wanted.window), *narrowing("root"))
        lead = Lead((Ticket.root_id,), (by["root"],))
        return [Scan("counterfoil_tickets_root", (lead.is_met,), others, NEWEST, lead=lead)]
    for name, index, leading, applies in (
        ("batch", "counterfoil_tickets_batch", (Ticket.batch_id, Ticket.state), True),
        ("error", "counterfoil_tickets_fingerprint", (Ticket.fingerprint,), tab.name == "errored"),
        (
            *("view", "counterfoil_tickets_view_model", (Ticket.view_model, Ticket.state)),
            bool(tab.state) or tab.name == "all",
        ),
    ):
        value = by[name]
        if value and applies:
            # A tab that is its state asks for nothing that these indexes do not bound.
            asks = tab.conditions(now, wanted.window) if tab.bound or not tab.state else []
            others = (*asks, *own(name))
            return _by_state(index, leading, _value(name, value), tab.states, others, found.rest, now)
    residual = (*tab.residual(now, wanted.window), *narrowing())
    return [
        Scan(index, tuple(tab.bounded(now, wanted.window, narrow)), residual, tab.order)
        for index, narrow in tab.walks
    ]


def within(span: tuple[datetime, datetime] | None) -> list[Condition]:
    """The conditions of having finished in a span."""
    return [Ticket.done >= span[0], Ticket.done < span[1]] if span else []


def narrow(by: dict[str, str | None]) -> list[Condition]:
    """The conditions of a filter's own fields."""
    found: list[Condition] = []
    for name, column in _COLUMNS.items():
        value = by.get(name)
        if value:
            found.append(column == _value(name, value))
    return found


def _value(name: str, written: str) -> int | str:
    return int(written) if name == "batch" else written


_COLUMNS = {
    "root": Ticket.root_id,
    "batch": Ticket.batch_id,
    "view": Ticket.view_model,
    "error": Ticket.fingerprint,
    "queue": Ticket.queue,
}


def _tab(wanted: TicketFilter, hoisted: dict[str, str]) -> Tab:
    state = hoisted.get("state")
    if state:
        return PENDING_TAB if state == "pending" else TABS[state]
    return TABS[hoisted.get("tab", wanted.tab)]


def _by_state(
    index: str,
    leading: tuple[Any, ...],
    value: int | str,
    states: tuple[str, ...],
    narrowing: tuple[Condition, ...],
    search: Node | None,
    now: datetime,
) -> list[Scan]:
    """A walk for each state that the search leaves; where it leaves none, one that finds nothing."""
    able = [state for state in states if search is None or of_state(search, state) is not False]
    found = []
    for state in able or states[:1]:
        lead = Lead(leading, (value, state)[: len(leading)])
        bounded = (lead.is_met, text(f"counterfoil_tickets.state = '{state}'"))
        residual = (*narrowing, *_asked(search, state, now))
        found.append(Scan(index, bounded, residual, NEWEST, state, lead))
    return found


def _asked(search: Node | None, state: str | None, now: datetime) -> list[Condition]:
    """What of a search rows must still pass, all of them being in the state, if it is one."""
    left = of_state(search, state) if search and state else search
    if isinstance(left, bool) or left is None:
        return [false()] if left is False else []
    return [condition(left, now)]
