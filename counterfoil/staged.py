"""Staged tickets: opened `held`, each waits until its application says that it is complete (O23).

One that nobody releases is forgotten after `staged_minutes`: the scheduler counts and reports it. A ticket
that an operator holds, or has moved since, is none of these: somebody knows of it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, literal_column, select
from sqlalchemy.orm import Session, scoped_session

from . import door, policy
from .columns import NaiveTime
from .saving import connection_of, note_due
from .ticket import Ticket

UNCHANGED: Any = object()


def release(
    session: Session | scoped_session[Any],
    ticket: Ticket | int,
    *,
    expires_at: datetime | None = UNCHANGED,
) -> bool:
    """Release a held ticket (or its id) in the session's transaction; the bell rings after its commit.

    `expires_at`: an aware time is its new deadline, None takes the deadline away. Raises NaiveTime.
    False when there was nothing to release: it is not held any more (its deadline passed, an operator was
    there first) or was purged. The caller decides what that means for its own data.
    """
    if isinstance(expires_at, datetime) and expires_at.utcoffset() is None:
        raise NaiveTime(expires_at)
    own = session() if isinstance(session, scoped_session) else session
    own.flush()  # a ticket that is new in this session gets its id
    ticket_id = ticket if isinstance(ticket, int) else ticket.id
    connection = connection_of(own)
    if door.move(connection, "release", ticket_id) is None:
        return False
    if expires_at is not UNCHANGED:
        door.move(connection, "extend", ticket_id, expires_at=expires_at)
    released = own.get_one(Ticket, ticket_id, populate_existing=True)
    note_due(own, connection, [released])
    return True


STAGED = and_(Ticket.state == literal_column("'held'"), Ticket.moves == literal_column("0"))
"""Opened held, and never moved; the state is a literal, for the partial index."""


def is_forgotten(now: datetime) -> list[ColumnElement[bool]]:
    """Conditions for staged tickets that nobody released in time. Index: counterfoil_tickets_held."""
    since = now - timedelta(minutes=policy.current().staged_minutes)
    return [STAGED, Ticket.opened_at <= since]


def forgotten(connection: Connection, now: datetime, limit: int) -> Sequence[int]:
    """The ids of those, oldest first."""
    query = select(Ticket.id).where(*is_forgotten(now)).order_by(Ticket.opened_at, Ticket.id).limit(limit)
    return connection.scalars(query).all()
