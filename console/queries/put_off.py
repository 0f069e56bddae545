"""What the work of a queue says that it waits for: its postponements of the last minute."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from counterfoil.tables import Attempt
from counterfoil.ticket import Ticket

MOST = 500


def put_off(connection: Connection, queue: str, now: datetime) -> tuple[int, str] | None:
    """How many of the last attempts were postponements in this queue, and the reason most often given.

    Index: counterfoil_attempts_ended, its last `MOST` rows within a minute.
    """
    lately = (
        select(Attempt.ticket_id, Attempt.outcome, Attempt.error)
        .where(Attempt.ended_at > now - timedelta(minutes=1))
        .order_by(Attempt.ended_at.desc())
        .limit(MOST)
        .subquery()
    )
    number = func.count().label("number")
    rows = connection.execute(
        select(lately.c.error, number)
        .join_from(lately, Ticket.__table__, Ticket.id == lately.c.ticket_id)
        .where(lately.c.outcome == "postpone", Ticket.queue == queue)
        .group_by(lately.c.error)
        .order_by(number.desc(), lately.c.error)
    ).fetchall()
    return (sum(row.number for row in rows), rows[0].error or "?") if rows else None
