"""Which tickets are meant: one object that goes query string -> object -> SQL -> query string.

The list, a bulk operation's frozen set, the command line and the API read the same fields from here. Only
listed fields exist; whatever else is asked for is refused by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, and_, or_, text

from .keyset import MAX_ID
from .tabs import TABS, WINDOWS, Condition, Order, Tab
from .ticket import Ticket

_LENGTHS = {"queue": 100, "view": 200, "root": 400, "q": 200, "error": 64}
_SEARCHED = (
    Ticket.root_id,
    Ticket.root_label,
    Ticket.token,
    Ticket.view_model,
    Ticket.error,
)


class FilterError(ValueError):
    """A filter that makes no sense; names the field, the value and the cure."""

    def __init__(self, field: str, value: str, cure: str) -> None:
        self.field = field
        super().__init__(f"{field}={value[:80]!r}: {cure}")


@dataclass(frozen=True)
class Scan:
    """A walk over one index: rows that `bounded` finds come in `order`, and count if they pass `residual`."""

    index: str
    bounded: tuple[Condition, ...]
    residual: tuple[Condition, ...]
    order: Order
    state: str | None = None
    """The one state of its rows, if the walk is one of several by state."""

    @property
    def where(self) -> ColumnElement[bool]:
        """Everything that a row must fulfil."""
        return and_(text("1=1"), *self.bounded, *self.residual)


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets. `tab` is a name of `TABS`, the others narrow it; `window`: expiring and leaving only."""

    tab: str = "all"
    queue: str | None = None
    view: str | None = None
    root: str | None = None
    q: str | None = None
    batch: str | None = None
    error: str | None = None
    window: str = "24h"

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]] | str, besides: Iterable[str] = ()) -> "TicketFilter":
        """From the fields of a query string (or the string itself); `besides` are names of others to skip.

        Raises FilterError for a field or value that is not known, too long, or given twice.
        """
        found: dict[str, str] = {}
        known = {field.name for field in fields(cls)}
        skipped = set(besides)
        if isinstance(pairs, str):
            pairs = parse_qsl(pairs.lstrip("?"), keep_blank_values=True, max_num_fields=50)
        for name, value in pairs:
            if name in skipped:
                continue
            if name not in known:
                raise FilterError(name[:40], value, f"no such field; there are {', '.join(sorted(known))}")
            if name in found:
                raise FilterError(name, value, "given twice; name it once")
            if value.strip():
                found[name] = _checked(name, value.strip())
        return cls(**found)

    def query(self, **changes: str | None) -> str:
        """The canonical query string, with some fields changed; defaults are left out."""
        made = replace(self, **changes) if changes else self  # type: ignore[arg-type]
        values = [(field.name, getattr(made, field.name), field.default) for field in fields(made)]
        return urlencode([(name, value) for name, value, default in values if value not in (None, default)])

    @property
    def is_everything(self) -> bool:
        """Whether it names no limit at all: what expire and fail are refused on."""
        return self.query(window=None) == ""

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for more than its tab."""
        return bool(self.queue or self.view or self.root or self.q or self.batch or self.error)

    @property
    def on(self) -> Tab:
        """The tab."""
        return TABS[self.tab]

    def scans(self, now: datetime) -> list[Scan]:
        """The walks that find its tickets, each bounded by one index; `now` is the database's time.

        One, but for tickets of a batch and all of a view model: one for each state. All have one order.
        """
        tab, own = self.on, self._narrowing(but="root" if self.root else "")
        if self.root:
            rest = tab.conditions(now, self.window)
            newest = Order("id", descending=True)
            return [Scan("counterfoil_tickets_root", (Ticket.root_id == self.root,), (*rest, *own), newest)]
        if self.batch:
            return self._by_state(
                "counterfoil_tickets_batch", "batch", Ticket.batch_id == int(self.batch), now
            )
        if self.error and tab.name == "errored":
            bound = Ticket.fingerprint == self.error
            return self._by_state("counterfoil_tickets_fingerprint", "error", bound, now)
        if self.view and (tab.state or tab.name == "all"):
            return self._by_state(
                "counterfoil_tickets_view_model", "view", Ticket.view_model == self.view, now
            )
        return [
            Scan(
                tab.index,
                tuple(tab.bounded(now, self.window)),
                (*tab.residual(now, self.window), *own),
                tab.order,
            )
        ]

    def _by_state(self, index: str, field: str, bound: Condition, now: datetime) -> list[Scan]:
        # A tab that is its state asks for nothing that these indexes do not bound.
        tab = self.on
        rest = tab.conditions(now, self.window) if tab.bound or tab.rest or not tab.state else []
        residual = (*rest, *self._narrowing(but=field))
        newest = Order("id", descending=True)
        return [
            Scan(index, (bound, text(f"counterfoil_tickets.state = '{state}'")), residual, newest, state)
            for state in tab.states
        ]

    def where(self, now: datetime) -> ColumnElement[bool]:
        """The whole condition, for a row that was found otherwise."""
        return and_(text("1=1"), *self.on.conditions(now, self.window), *self._narrowing())

    def _narrowing(self, but: str = "") -> list[Condition]:
        """What the fields ask for beyond the tab, all `but` one that an index bounds."""
        found: list[Condition] = []
        if self.root and but != "root":
            found.append(Ticket.root_id == self.root)
        if self.batch and but != "batch":
            found.append(Ticket.batch_id == int(self.batch))
        if self.view and but != "view":
            found.append(Ticket.view_model == self.view)
        if self.error and but != "error":
            found.append(Ticket.fingerprint == self.error)
        if self.queue:
            found.append(Ticket.queue == self.queue)
        if self.q:
            found.append(matches_text(self.q))
        return found


def matches_text(words: str) -> ColumnElement[bool]:
    """Tickets that bear the text in what a person may have at hand; digits alone are an id too."""
    found: list[ColumnElement[bool]] = [column.icontains(words, autoescape=True) for column in _SEARCHED]
    if words.isascii() and words.isdigit() and int(words) <= MAX_ID:
        found.append(Ticket.id == int(words))
    return or_(*found)


def _checked(name: str, value: str) -> str:
    if "\x00" in value:
        raise FilterError(name, value, "contains a zero character, which no ticket does")
    if name == "tab" and value not in TABS:
        raise FilterError(name, value, f"no such tab; there are {', '.join(TABS)}")
    if name == "window" and value not in WINDOWS:
        raise FilterError(name, value, f"no such window; use {', '.join(WINDOWS)}")
    if name == "batch" and not (value.isascii() and value.isdigit() and int(value[:20]) <= MAX_ID):
        raise FilterError(name, value, "a batch is named by its number")
    if len(value) > _LENGTHS.get(name, 20):
        raise FilterError(name, value, f"too long: at most {_LENGTHS[name]} characters")
    return value
