"""Priorities of a queue that wait too long because more urgent tickets go first (R2)."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, union_all

from counterfoil.columns import Utc
from counterfoil.priority import NUMBERS
from counterfoil.ticket import Ticket


def overtaken(
    connection: Connection, queue: str, now: datetime, wanted_seconds: float
) -> list[tuple[int, datetime]]:
    """Priority and the time since when its oldest ticket is due, for those that younger ones overtake.

    One probe of counterfoil_tickets_claim for each priority.
    """
    firsts = connection.execute(_firsts(), {"queue": queue, "now": now})
    oldest = {row.priority: row.due_at for row in firsts}
    late = now - timedelta(seconds=wanted_seconds)
    return [
        (priority, due)
        for priority, due in oldest.items()
        if due < late and any(due < oldest[urgent] for urgent in oldest if urgent < priority)
    ]


@cache
def _firsts() -> Any:
    each = (
        select(Ticket.priority, Ticket.due_at)
        .where(
            text("counterfoil_tickets.state = 'pending' AND counterfoil_tickets.turn"),
            Ticket.queue == bindparam("queue"),
            Ticket.priority == priority,
            Ticket.due_at <= bindparam("now", type_=Utc()),
        )
        .order_by(Ticket.due_at)
        .limit(1)
        .subquery()
        for priority in NUMBERS
    )
    return union_all(*(first.select() for first in each))
