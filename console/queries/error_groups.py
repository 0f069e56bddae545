"""Groups of errors as the scheduler keeps them: what is errored now, and what failed last."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from counterfoil.error_groups import BUCKET_SECONDS
from counterfoil.tables import ErrorGroup, Traceback

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
    query = select(ErrorGroup.__table__).where(ErrorGroup.fingerprint == fingerprint)
    row = connection.execute(query).first()
    if row is None:
        return None
    return row, connection.execute(select(Traceback.text).where(Traceback.id == row.traceback_id)).scalar()


def is_muted(row: Row[Any], now: datetime) -> bool:
    """Whether somebody has set it behind the others until a time to come."""
    return row.muted_until is not None and row.muted_until > now


def last_hour(row: Row[Any], now: datetime) -> list[int]:
    """Failed attempts in each of the last six ten minutes, oldest first; the last one is not over yet."""
    last = int(now.timestamp()) // BUCKET_SECONDS
    trend = row.trend or {}
    return [int(trend.get(str(bucket), 0)) for bucket in range(last - BARS + 1, last + 1)]
