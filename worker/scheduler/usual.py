"""What is usual in a queue: the share of attempts that failed within the last day, the last hour left out."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from counterfoil.tables import Rollup

SPAN_SECONDS = 900
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def failing_shares(connection: Connection, now: datetime) -> dict[str, float]:
    """Queue -> share, 0 to 1; queues without attempts in that time are left out. Index: ..._rollups_at."""
    query = select(Rollup.queue, func.sum(Rollup.finished), func.sum(Rollup.failing)).where(
        Rollup.span_seconds == SPAN_SECONDS,
        Rollup.at >= now - DAY,
        Rollup.at < now - HOUR,
        Rollup.view_model == "",
        Rollup.queue != "",
    )
    rows = connection.execute(query.group_by(Rollup.queue)).all()
    return {queue: float(failing / (ok + failing)) for queue, ok, failing in rows if ok + failing}
