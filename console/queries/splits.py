"""What a queue's tickets are made of: backlog, arrivals and worker time by view model, now and usually."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, text, union_all

from counterfoil.columns import Utc
from counterfoil.histogram import merged, quantile
from counterfoil.priority import NUMBERS
from counterfoil.tables import Rollup
from counterfoil.ticket import Ticket

NOW, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
MOST_CANDIDATES = 1000


@dataclass(frozen=True)
class Pace:
    """What it was like: arrivals and finished a minute, workers that it kept busy, median run time in ms."""

    arrivals: float
    finished: float
    workers: float
    run_p50: float | None


@dataclass(frozen=True)
class Part:
    """One view model's part of a queue; `usual` is None when the last day tells nothing."""

    view_model: str
    due: int
    now: Pace
    usual: Pace | None


def parts(connection: Connection, queue: str, views: dict[str, Any], now: datetime) -> list[Part]:
    """All that did something lately or wait, most worker time first. `views`: the last snapshot's."""
    lately = _paces(connection, queue, 60, now - NOW, now)
    usually = _paces(connection, queue, 900, now - DAY, now - HOUR)
    idle = Pace(0, 0, 0, None)
    found = [
        Part(name, int(views.get(name, {}).get("due", 0)), lately.get(name, idle), usually.get(name))
        for name in {*lately, *usually, *views}
    ]
    return sorted(found, key=lambda part: (-part.now.workers, -part.due, part.view_model))


def candidates(connection: Connection, queue: str, now: datetime) -> int:
    """Due tickets that a worker might claim at once, counted to a bound; the others wait for their lane."""
    return connection.execute(_candidates(), {"queue": queue, "now": now}).scalar_one()


@cache
def _candidates() -> Select[int]:
    each = (
        select(Ticket.id)
        .where(
            text("counterfoil_tickets.state = 'pending' AND counterfoil_tickets.turn"),
            Ticket.queue == bindparam("queue"),
            Ticket.priority == priority,
            Ticket.due_at <= bindparam("now", type_=Utc()),
        )
        .limit(MOST_CANDIDATES)
        .subquery()
        for priority in NUMBERS
    )
    inside = union_all(*(few.select() for few in each)).limit(MOST_CANDIDATES).subquery()
    return select(func.count()).select_from(inside)


def _paces(
    connection: Connection, queue: str, span: int, since: datetime, until: datetime
) -> dict[str, Pace]:
    within = (Rollup.span_seconds == span, Rollup.at >= since, Rollup.at < until)
    sampled = select(func.count()).where(*within, Rollup.queue == "", Rollup.view_model == "")
    rows: dict[str, list[Row[Any]]] = {}
    query = select(Rollup.__table__, sampled.scalar_subquery().label("sampled")).where(
        *within, Rollup.queue == queue, Rollup.view_model != ""
    )
    for row in connection.execute(query):
        rows.setdefault(row.view_model, []).append(row)
    return {
        name: _pace(found, found[0].sampled * span / 60) for name, found in rows.items() if found[0].sampled
    }


def _pace(rows: list[Row[Any]], minutes: float) -> Pace:
    runs: dict[str, int] = {}
    for row in rows:
        runs = merged(runs, row.runs or {})
    return Pace(
        sum(row.arrivals or 0 for row in rows) / minutes,
        sum(row.finished for row in rows) / minutes,
        sum(row.run_ms for row in rows) / (minutes * 60_000),
        quantile(runs, 0.5),
    )
