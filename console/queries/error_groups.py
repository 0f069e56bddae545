"""Groups of errors as the scheduler keeps them: what is errored now, and what failed last."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from counterfoil.error_groups import BUCKET_SECONDS
from counterfoil.group_words import is_muted
from counterfoil.tables import ErrorGroup, Queue, Traceback, ViewModelRecord

MOST = 100
BARS = 6
"""Of ten minutes each: the last hour."""


def groups(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Those that most tickets are errored by and those seen last; muted ones behind the others.

    Indexes: counterfoil_errors_errored, counterfoil_errors_seen.
    """
    every = select(ErrorGroup.__table__)
    worst = every.where(text("errored > 0")).order_by(ErrorGroup.errored.desc()).limit(MOST)
    latest = every.order_by(ErrorGroup.last_seen_at.desc()).limit(MOST)
    found = {row.fingerprint: row for query in (worst, latest) for row in connection.execute(query)}
    return sorted(
        found.values(),
        key=lambda row: (is_muted(row, now), -row.errored, -row.last_seen_at.timestamp(), row.fingerprint),
    )


def one(connection: Connection, fingerprint: str) -> tuple[Row[Any], str | None] | None:
    """A group and its example's traceback; None when there is none."""
    row = group(connection, fingerprint)
    if row is None:
        return None
    return row, connection.execute(select(Traceback.text).where(Traceback.id == row.traceback_id)).scalar()


def group(connection: Connection, fingerprint: str) -> Row[Any] | None:
    """A group alone; None when there is none."""
    query = select(ErrorGroup.__table__).where(ErrorGroup.fingerprint == fingerprint)
    return connection.execute(query).first()


def queue_of(connection: Connection, view_model: str | None) -> str | None:
    """The queue that a view model's tickets go to, by its record."""
    record = select(func.coalesce(ViewModelRecord.route, ViewModelRecord.queue))
    found = connection.execute(record.where(ViewModelRecord.name == view_model)).scalar()
    listed = select(Queue.name).where(Queue.name == found)
    return connection.execute(listed).scalar()


def last_hour(row: Row[Any], now: datetime) -> list[int]:
    """Failed attempts in each of the last six ten minutes, oldest first; the last one is not over yet."""
    last = int(now.timestamp()) // BUCKET_SECONDS
    trend = row.trend or {}
    return [int(trend.get(str(bucket), 0)) for bucket in range(last - BARS + 1, last + 1)]
