"""What makes a queue fail just now: the cause of most of its latest failed attempts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from counterfoil.columns import Utc
from counterfoil.tables import Attempt, ErrorGroup
from counterfoil.ticket import Ticket

MOST = 500
"""Attempts looked at, the latest of all queues."""

WINDOW = timedelta(minutes=5)
"""What "failing" is judged by."""


@dataclass(frozen=True)
class Cause:
    """A group of errors: its fingerprint, and what an example of it says."""

    fingerprint: str
    error: str


def failing_causes(connection: Connection, now: datetime) -> dict[str, Cause]:
    """Queue -> its most frequent cause. Index: counterfoil_attempts_ended, then both by their keys."""
    found: dict[str, Cause] = {}
    for row in connection.execute(_causes(), {"since": now - WINDOW}):
        found.setdefault(row.queue, Cause(row.fingerprint, (row.error or row.class_name or "?")))
    return found


@cache
def _causes() -> Any:
    lately = (
        select(Attempt.ticket_id, Attempt.fingerprint)
        .where(Attempt.ended_at > bindparam("since", type_=Utc()))
        .order_by(Attempt.ended_at.desc())
        .limit(MOST)
        .subquery()
    )
    counted = (
        select(Ticket.queue, lately.c.fingerprint, func.count().label("number"))
        .join_from(lately, Ticket.__table__, Ticket.id == lately.c.ticket_id)
        .where(lately.c.fingerprint.is_not(None))
        .group_by(Ticket.queue, lately.c.fingerprint)
        .subquery()
    )
    return (
        select(counted.c.queue, counted.c.fingerprint, ErrorGroup.error, ErrorGroup.class_name)
        .join_from(counted, ErrorGroup.__table__, ErrorGroup.fingerprint == counted.c.fingerprint)
        .order_by(counted.c.number.desc(), counted.c.fingerprint)
    )
