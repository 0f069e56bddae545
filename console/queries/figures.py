"""The charts' figures: roll-ups of the scheduler, read by their primary key; nothing is counted here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from counterfoil.histogram import quantile
from counterfoil.tables import Rollup


@dataclass(frozen=True)
class Range:
    """How far back a chart looks, and the seconds that one point covers."""

    seconds: int
    span_seconds: int


RANGES = {"hour": Range(3600, 60), "day": Range(86_400, 900), "month": Range(30 * 86_400, 14_400)}


@dataclass(frozen=True)
class Point:
    """One span. Tickets and attempts are per minute, durations in milliseconds; None: not known."""

    at: datetime
    until: datetime
    arrivals: float | None
    finished: float
    failing: float
    due: int | None
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


def series(connection: Connection, within: Range, queue: str, view_model: str, now: datetime) -> list[Point]:
    """The points, oldest first; an empty name means all. Spans that nobody sampled are left out."""
    since = now - timedelta(seconds=within.seconds)
    sampled = [row.at for row in _rows(connection, within, "", "", since)]
    rows = {row.at: row for row in _rows(connection, within, queue, view_model, since)}
    return [_point(at, within, rows.get(at)) for at in sampled]


def _rows(
    connection: Connection, within: Range, queue: str, view_model: str, since: datetime
) -> list[Row[Any]]:
    query = select(Rollup.__table__).where(
        Rollup.span_seconds == within.span_seconds,
        Rollup.queue == queue,
        Rollup.view_model == view_model,
        Rollup.at >= since,
    )
    return [*connection.execute(query.order_by(Rollup.at))]


def _point(at: datetime, within: Range, row: Row[Any] | None) -> Point:
    minutes = within.span_seconds / 60
    until = at + timedelta(seconds=within.span_seconds)
    if row is None:  # nothing of it happened while others were sampled
        return Point(at, until, 0, 0, 0, 0, None, None, None, None)
    waits, runs = row.waits or {}, row.runs or {}
    return Point(
        at,
        until,
        None if row.arrivals is None else row.arrivals / minutes,
        row.finished / minutes,
        row.failing / minutes,
        row.due,
        quantile(waits, 0.5),
        quantile(waits, 0.95),
        quantile(runs, 0.5),
        quantile(runs, 0.95),
    )
