"""The sampler's statements: how many in each tab, what each queue does, what finished lately.

Every count is one that an index answers, without its rows where the dialect can.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from counterfoil.clock import MOMENT, ago, elapsed_ms
from counterfoil.staged import is_forgotten
from counterfoil.tabs import TABS
from counterfoil.ticket import PENDING, Ticket

TABLE = "counterfoil_tickets"
MINUTE = 60

COUNTED = (
    "pending", "ahead", "retrying", "running", "done", "errored", "expired", "failed", "held", "expiring",
    "leaving", "acknowledged", "forgotten",
)  # fmt: skip
"""What is counted; `ahead` is delayed and retrying together, which the index knows without the rows;
`acknowledged` are the errored ones that a person has seen, `forgotten` staged ones never released."""

_OWN = {
    "ahead": [text(f"counterfoil_tickets.{PENDING}")],
    "acknowledged": [
        text("counterfoil_tickets.state = 'errored' AND counterfoil_tickets.acknowledged_at IS NOT NULL")
    ],
}


def counter(name: str) -> Callable[[Connection, datetime], int]:
    """Counts one of COUNTED, at the database's time given."""

    def count(connection: Connection, now: datetime) -> int:
        if name == "forgotten":
            conditions: Sequence[Any] = is_forgotten(now)
        else:
            conditions = _OWN[name] if name in _OWN else TABS[name].conditions(now)
        if name == "ahead":
            conditions = [*conditions, Ticket.due_at > now]
        return int(
            connection.execute(select(func.count()).select_from(Ticket).where(*conditions)).scalar_one()
        )

    return count


def tabs(counted: dict[str, int]) -> dict[str, int]:
    """The numbers of the tabs, and `alarm`: errored and not acknowledged."""
    found = {
        name: counted[name]
        for name in COUNTED
        if name not in ("ahead", "leaving", "expiring", "acknowledged")
    }
    states = ("pending", "running", "done", "errored", "expired", "failed", "held")
    return found | {
        "all": sum(counted[name] for name in states) + counted["ahead"],
        "delayed": max(0, counted["ahead"] - counted["retrying"]),
        "expiring": counted["expiring"] + counted["leaving"],
        "leaving": counted["leaving"],
        "alarm": max(0, counted["errored"] - counted["acknowledged"]),
    }


def queues(connection: Connection, now: datetime) -> dict[str, dict[str, Any]]:
    """Queue -> due (with those waiting for a lane), oldest_wait_ms, running, drains, pool_size, paused.

    `views`: view model -> due, oldest_wait_ms, running, of those that have any.
    """
    dialect = connection.dialect.name
    moment = MOMENT[dialect]
    found: dict[str, dict[str, Any]] = {}
    known = connection.execute(
        text(
            f"SELECT name, pool_size, paused AND (paused_until IS NULL OR paused_until > {moment}) AS paused "
            "FROM counterfoil_queues"
        )
    )
    for row in known:
        found[row.name] = _nothing() | {"pool_size": row.pool_size, "paused": bool(row.paused)}
    due = connection.execute(
        text(
            f"SELECT queue, view_model, count(*) AS due, {elapsed_ms(dialect, 'min(due_at)')} AS wait "
            f"FROM {TABLE} WHERE {PENDING} AND due_at <= {moment} AND aside IS NULL AND queue IS NOT NULL "
            "GROUP BY queue, view_model"
        )
    )
    for row in due:
        into, own = _cells(found, row.queue, row.view_model)
        own.update(due=row.due, oldest_wait_ms=max(0, int(row.wait)))
        into["due"] += row.due
        into["oldest_wait_ms"] = max(into["oldest_wait_ms"], own["oldest_wait_ms"])
    running = (
        f"SELECT queue, view_model, count(*) AS n FROM {TABLE} WHERE state = 'running' "
        "GROUP BY queue, view_model"
    )
    for row in connection.execute(text(running)):
        into, own = _cells(found, row.queue or "", row.view_model)
        own["running"] = row.n
        into["running"] += row.n
    drains = f"SELECT queue, count(*) AS n FROM counterfoil_drains WHERE until > {moment} GROUP BY queue"
    for row in connection.execute(text(drains)):
        found.setdefault(row.queue, _nothing())["drains"] = row.n
    return found


def _cells(
    found: dict[str, dict[str, Any]], queue: str, view_model: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    into = found.setdefault(queue, _nothing())
    own: dict[str, Any] = into["views"].setdefault(view_model, {"due": 0, "oldest_wait_ms": 0, "running": 0})
    return into, own


def _nothing() -> dict[str, Any]:
    return {
        "due": 0,
        "oldest_wait_ms": 0,
        "running": 0,
        "drains": 0,
        "pool_size": None,
        "paused": False,
        "views": {},
    }


def rates(connection: Connection, now: datetime) -> dict[str, int]:
    """How many reached each final state within the last minute; `finished` is all of them."""
    lately = ago(connection.dialect.name, MINUTE)
    found = {}
    for state in ("done", "errored", "expired", "failed"):
        query = f"SELECT count(*) FROM {TABLE} WHERE state = '{state}' AND done > {lately}"
        found[state] = int(connection.execute(text(f"{query} AND done IS NOT NULL")).scalar_one())
    return found | {"finished": sum(found.values())}
