"""Roll-ups: a row a minute for each queue and view model that did something, merged into coarser spans.

When: each minute, two seconds after its end; what the scheduler missed while it was away is read afterwards,
as long as the receipts are there. Rows are inserted unless they are there, so two schedulers do no harm. A
chart reads some hundred rows by their primary key, whatever the number of tickets.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.histogram import merged
from counterfoil.tables import Rollup
from counterfoil.tables.figures import SPANS

from .flow import Cell, Cells, Key, totals

KEEP = {60: timedelta(hours=3), 900: timedelta(days=8), 14_400: timedelta(days=40)}
"""How long the rows of each span are kept."""

SUMS = ("finished", "errored", "ended", "failing", "run_ms")
ALL = ("", "")

Standing = dict[Key, dict[str, int]]
"""Queue and view model -> due, running, oldest_wait_ms."""


def floor(at: datetime, seconds: int) -> datetime:
    """The beginning of the span that the instant is in."""
    whole = int(at.timestamp()) // seconds * seconds
    return datetime.fromtimestamp(whole, UTC)


def last_end(connection: Connection) -> datetime | None:
    """Until when minutes are written."""
    at = _last(connection, SPANS[0])
    return at and at + timedelta(seconds=SPANS[0])


def write_minute(
    connection: Connection, at: datetime, cells: Cells, now: Standing | None, before: Standing | None
) -> None:
    """The minute's rows, the coarser spans that end with it, and away with what is old.

    `now`, `before`: how the queues stand and stood a minute ago; without both nothing is said of arrivals.
    """
    every = totals(cells)
    for key in now or ():
        every.setdefault(key, Cell())
    rows = [_row(at, key, cell, now, before) for key, cell in every.items()]
    _insert(connection, rows)
    for fine, span in pairwise(SPANS):
        _merge(connection, fine, span, at + timedelta(seconds=SPANS[0]))
    for span, kept in KEEP.items():
        old = delete(Rollup).where(Rollup.span_seconds == span, Rollup.at < at - kept)
        connection.execute(old)


def _row(at: datetime, key: Key, cell: Cell, now: Standing | None, before: Standing | None) -> dict[str, Any]:
    stands = now.get(key, {}) if now is not None else None
    arrivals = None
    if stands is not None and before is not None:
        grown = _load(stands) - _load(before.get(key, {}))
        arrivals = max(0, grown + cell.finished + cell.errored + cell.ended + cell.returned)
    return {
        "span_seconds": SPANS[0],
        "queue": key[0],
        "view_model": key[1],
        "at": at,
        "arrivals": arrivals,
        **{name: getattr(cell, name) for name in SUMS},
        **{
            name: stands.get(name, 0) if stands is not None else None
            for name in ("due", "running", "oldest_wait_ms")
        },
        "waits": {str(n): count for n, count in sorted(cell.waits.items())} or None,
        "runs": {str(n): count for n, count in sorted(cell.runs.items())} or None,
    }


def _load(stands: dict[str, int]) -> int:
    return stands.get("due", 0) + stands.get("running", 0)


def _merge(connection: Connection, fine: int, span: int, until: datetime) -> None:
    """The spans that are over by `until` and whose finer rows are there; one after the other."""
    last = _last(connection, span)
    first = select(func.min(Rollup.at)).where(Rollup.span_seconds == fine, *_total())
    oldest = connection.execute(first).scalar()
    if oldest is None:
        return
    at = floor(oldest, span)
    if last is not None:
        at = max(at, last + timedelta(seconds=span))
    while at + timedelta(seconds=span) <= until:
        within = select(Rollup.__table__).where(
            Rollup.span_seconds == fine, Rollup.at >= at, Rollup.at < at + timedelta(seconds=span)
        )
        by_key: dict[Key, list[Row[Any]]] = {}
        for row in connection.execute(within.order_by(Rollup.at)):
            by_key.setdefault((row.queue, row.view_model), []).append(row)
        _insert(connection, [_merged(span, at, key, rows) for key, rows in by_key.items()])
        at += timedelta(seconds=span)


def _merged(span: int, at: datetime, key: Key, rows: list[Row[Any]]) -> dict[str, Any]:
    waits: dict[str, int] = {}
    runs: dict[str, int] = {}
    for row in rows:
        waits, runs = merged(waits, row.waits or {}), merged(runs, row.runs or {})
    known = {
        name: [value for row in rows if (value := getattr(row, name)) is not None]
        for name in ("arrivals", "due", "running", "oldest_wait_ms")
    }
    return {
        "span_seconds": span,
        "queue": key[0],
        "view_model": key[1],
        "at": at,
        **{name: sum(getattr(row, name) for row in rows) for name in SUMS},
        "arrivals": sum(known["arrivals"]) if known["arrivals"] else None,
        "due": known["due"][-1] if known["due"] else None,
        "running": known["running"][-1] if known["running"] else None,
        "oldest_wait_ms": max(known["oldest_wait_ms"], default=None),
        "waits": waits or None,
        "runs": runs or None,
    }


def _insert(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    if given := list(rows):
        connection.execute(insert(Rollup).on_conflict_do_nothing(), given)


def _last(connection: Connection, span: int) -> datetime | None:
    query = select(func.max(Rollup.at)).where(Rollup.span_seconds == span, *_total())
    at: datetime | None = connection.execute(query).scalar()
    return at


def _total() -> tuple[Any, ...]:
    return Rollup.queue == "", Rollup.view_model == ""
