"""Which tickets are meant: one object that goes query string -> object -> SQL -> query string.

The list, a bulk operation's frozen set, the command line and the API read the same fields from here. Only
listed fields exist; whatever else is asked for is refused by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, and_, text

from .keyset import MAX_ID
from .search.complaint import FilterError, SearchError
from .search.grammar import parse as parse_search
from .search.sql import condition
from .search.tree import Node, written
from .tabs import TABS, WINDOWS, Tab
from .walks import Scan, narrow, scans_of, within

__all__ = ["FilterError", "SearchError", "TicketFilter"]

_LENGTHS = {"queue": 100, "view": 200, "root": 400, "error": 64, "ended": 64}


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets. `tab` is a name of `TABS`, the others narrow it; `window`: expiring and leaving only.

    `q` is a search as `search.grammar` reads it; parsed from an address it is in its canonical form. `ended`:
    finished in this span, written FROM..TO (RFC 3339, TO not in it); for the tabs of a final state.
    """

    tab: str = "all"
    queue: str | None = None
    view: str | None = None
    root: str | None = None
    q: str | None = None
    batch: str | None = None
    error: str | None = None
    ended: str | None = None
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
        if "ended" in found and not TABS[found.get("tab", cls.tab)].is_final:
            final = ", ".join(name for name, tab in TABS.items() if tab.is_final)
            raise FilterError("ended", found["ended"], f"goes with the tab of a final state: {final}")
        return cls(**found)

    def query(self, **changes: str | None) -> str:
        """The canonical query string, with some fields changed; without defaults and what no longer fits."""
        values = {**vars(self), **changes}
        if not TABS[values["tab"]].is_final:
            values["ended"] = None
        return urlencode(
            [(name, value) for name, value in values.items() if value not in (None, _DEFAULTS[name])]
        )

    @property
    def is_everything(self) -> bool:
        """Whether it names no limit at all: what expire and fail are refused on."""
        return self.query(window=None) == ""

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for more than its tab."""
        narrowing = (self.queue, self.view, self.root, self.q, self.batch, self.error, self.ended)
        return any(narrowing)

    @property
    def on(self) -> Tab:
        """The tab."""
        return TABS[self.tab]

    @property
    def search(self) -> Node | None:
        """The tree of `q`. Raises SearchError."""
        return parse_search(self.q) if self.q else None

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The two instants of `ended`."""
        return _span(self.ended) if self.ended else None

    def scans(self, now: datetime) -> list[Scan]:
        """The walks that find its tickets, each bounded by one index; `now` is the database's time."""
        return scans_of(self, now)

    def where(self, now: datetime) -> ColumnElement[bool]:
        """The whole condition, for a row that was found otherwise."""
        own = narrow({field.name: getattr(self, field.name) for field in fields(self)})
        asked = [condition(self.search, now)] if self.search else []
        of_tab = self.on.conditions(now, self.window)
        return and_(text("1=1"), *of_tab, *own, *within(self.span), *asked)


_DEFAULTS = {field.name: field.default for field in fields(TicketFilter)}


def _checked(name: str, value: str) -> str:
    if "\x00" in value:
        raise FilterError(name, value, "contains a zero character, which no ticket does")
    if name == "tab" and value not in TABS:
        raise FilterError(name, value, f"no such tab; there are {', '.join(TABS)}")
    if name == "window" and value not in WINDOWS:
        raise FilterError(name, value, f"no such window; use {', '.join(WINDOWS)}")
    if name == "batch" and not (value.isascii() and value.isdigit() and int(value[:20]) <= MAX_ID):
        raise FilterError(name, value, "a batch is named by its number")
    if name == "ended":
        try:
            _span(value)
        except ValueError:
            cure = "write FROM..TO, for example 2026-03-01T02:00:00Z..2026-03-01T02:15:00Z"
            raise FilterError(name, value[:80], cure) from None
    if name == "q":
        return written(parse_search(value))
    if len(value) > _LENGTHS.get(name, 20):
        raise FilterError(name, value, f"too long: at most {_LENGTHS[name]} characters")
    return value


def _span(written: str) -> tuple[datetime, datetime]:
    """The instants of FROM..TO. Raises ValueError."""
    since, until = (datetime.fromisoformat(part) for part in written.split(".."))
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise ValueError(written)
    return since, until
