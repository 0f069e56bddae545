"""The views of the ticket table: each tab is one WHERE clause, one index and an ORDER BY that it serves.

Three tabs share the state pending and are disjoint: *pending* is due, *delayed* was never claimed and is not
due yet, *retrying* was claimed before (it failed, was postponed or given back) and waits for its next start.
*expiring* will not run: its deadline is near; *leaving* are receipts that the purge will take. What simply
succeeded leaves without being listed there.

Limits: the conditions that name a state are literals, because neither dialect proves a partial index from a
bound parameter.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, TextClause, text

from .ticket import STATES, Ticket

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""How far ahead `expiring` and `leaving` look."""

Condition = ColumnElement[bool] | TextClause


@dataclass(frozen=True)
class Order:
    """What an index sorts by before the id: a column of the ticket ("id": the id alone)."""

    column: str
    descending: bool = False

    @property
    def kind(self) -> str:
        """`id`, `text` or `time`: what a place in this order is made of."""
        return {"id": "id", "drain_id": "text"}.get(self.column, "time")


@dataclass(frozen=True)
class Tab:
    """One view. `narrow` is SQL about the ticket that the index bounds.

    `bound`: the order's column is compared with the time given: "past", "ahead", or "window" (past included).
    `halves`: further indexes in the same order, each with the `narrow` of its own part of the tickets.
    """

    name: str
    index: str
    order: Order
    narrow: str = ""
    bound: str = ""
    states: tuple[str, ...] = STATES
    halves: tuple[tuple[str, str], ...] = ()

    @property
    def state(self) -> str | None:
        """The one state of its tickets, if it is one."""
        return self.states[0] if len(self.states) == 1 else None

    @property
    def is_final(self) -> bool:
        """Whether it is a final state's, in the order of their end."""
        return self.order.column == "done"

    @property
    def walks(self) -> tuple[tuple[str, str], ...]:
        """The indexes that have its tickets between them, each with what narrows it."""
        return self.halves or ((self.index, self.narrow),)

    def bounded(self, now: datetime, window: str = "24h", narrow: str | None = None) -> list[Condition]:
        """The conditions that an index bounds; `narrow`: those of one of its walks."""
        narrow = self.narrow if narrow is None else narrow
        found: list[Condition] = [text(narrow)] if narrow else []
        column = getattr(Ticket, self.order.column)
        if self.bound == "past":
            found.append(column <= now)
        elif self.bound == "ahead":
            found.append(column > now)
        elif self.bound == "window":
            found.append(column <= now + WINDOWS[window])
        return found

    def residual(self, now: datetime, window: str = "24h") -> list[Condition]:
        """The conditions that rows found by its index must pass."""
        if self.name == "leaving":
            return [Ticket.kept.is_(None) | (Ticket.kept <= now + WINDOWS[window])]
        return []

    def conditions(self, now: datetime, window: str = "24h") -> list[Condition]:
        """The whole WHERE clause, for those who count or freeze."""
        return self.bounded(now, window) + self.residual(now, window)


def _final(state: str) -> Tab:
    return Tab(
        state, "counterfoil_tickets_final", Order("done", descending=True),
        f"counterfoil_tickets.state = '{state}' AND counterfoil_tickets.done IS NOT NULL", states=(state,),
    )  # fmt: skip


_PENDING = "counterfoil_tickets.state = 'pending'"
_WAITS = ("pending",)
_FRESH = ("counterfoil_tickets_unclaimed", f"{_PENDING} AND counterfoil_tickets.claims = 0")
_AGAIN = ("counterfoil_tickets_retrying", f"{_PENDING} AND counterfoil_tickets.claims > 0")
_HALVES = (_FRESH, _AGAIN)

_ALL = (
    Tab("all", "counterfoil_tickets_pkey", Order("id", descending=True)),
    Tab("pending", _FRESH[0], Order("due_at"), _PENDING, bound="past", states=_WAITS, halves=_HALVES),
    Tab("delayed", _FRESH[0], Order("due_at"), _FRESH[1], bound="ahead", states=_WAITS),
    Tab("retrying", _AGAIN[0], Order("due_at"), _AGAIN[1], bound="ahead", states=_WAITS),
    Tab(
        "running", "counterfoil_tickets_running", Order("drain_id"),
        "counterfoil_tickets.state = 'running'", states=("running",),
    ),
    _final("done"),
    _final("errored"),
    Tab(
        "expiring", "counterfoil_tickets_deadline", Order("expires_at"),
        "counterfoil_tickets.state IN ('held','pending') AND counterfoil_tickets.expires_at IS NOT NULL",
        bound="window", states=("held", "pending"),
    ),
    Tab(
        "leaving", "counterfoil_tickets_leaving", Order("delete_time"),
        "counterfoil_tickets.done IS NOT NULL "
        "AND (counterfoil_tickets.trouble OR counterfoil_tickets.state <> 'done')",
        bound="window", states=("done", "errored", "expired", "failed"),
    ),
    _final("expired"),
    _final("failed"),
    Tab(
        "held", "counterfoil_tickets_held", Order("opened_at", descending=True),
        "counterfoil_tickets.state = 'held'", states=("held",),
    ),
)  # fmt: skip

TABS: dict[str, Tab] = {tab.name: tab for tab in _ALL}

PENDING_TAB = Tab("every pending", _FRESH[0], Order("due_at"), _PENDING, states=_WAITS, halves=_HALVES)
"""All that is pending, due or not: no tab of the console, what a search for the state walks."""
