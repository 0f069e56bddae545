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
from counterfoil.ticket import CLAIMED_BEFORE, UNCLAIMED, Ticket

TABLE = "counterfoil_tickets"
MINUTE = 60

COUNTED = (
    "pending", "delayed", "retrying", "running", "done", "errored", "expired", "failed", "held", "expiring",
    "leaving", "acknowledged", "forgotten",
)  # fmt: skip
"""What is counted; `acknowledged` are the errored ones that a person has seen, `forgotten` staged ones that
were never released."""

_OWN = {
    "acknowledged": [
        text("counterfoil_tickets.state = 'errored' AND counterfoil_tickets.acknowledged_at IS NOT NULL")
    ],
}


def counter(name: str) -> Callable[[Connection, datetime], int]:
    """Counts one of COUNTED, at the database's time given."""

    def count(connection: Connection, now: datetime) -> int:
        return sum(_count(connection, conditions) for conditions in _walks(name, now))

    return count


def _walks(name: str, now: datetime) -> list[Sequence[Any]]:
    """The conditions of each index that has a part of what is counted."""
    if name == "forgotten":
        return [is_forgotten(now)]
    if name in _OWN:
        return [_OWN[name]]
    tab = TABS[name]
    return [tab.bounded(now, narrow=narrow) + tab.residual(now) for _, narrow in tab.walks]


def _count(connection: Connection, conditions: Sequence[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(Ticket).where(*conditions)).scalar_one())


def tabs(counted: dict[str, int]) -> dict[str, int]:
    """The numbers of the tabs, and `alarm`: errored and not acknowledged."""
    found = {name: counted[name] for name in COUNTED if name not in ("leaving", "expiring", "acknowledged")}
    apart = ("pending", "delayed", "retrying", "running", "done", "errored", "expired", "failed", "held")
    return found | {
        "all": sum(counted[name] for name in apart),
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
    halves = " UNION ALL ".join(
        f"SELECT queue, view_model, due_at FROM {TABLE} WHERE {half} AND due_at <= {moment} "
        "AND aside IS NULL AND queue IS NOT NULL"
        for half in (UNCLAIMED, CLAIMED_BEFORE)
    )
    due = connection.execute(
        text(
            f"SELECT queue, view_model, count(*) AS due, {elapsed_ms(dialect, 'min(due_at)')} AS wait "
            f"FROM ({halves}) waits GROUP BY queue, view_model"
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
