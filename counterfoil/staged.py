"""Releasing a staged ticket: opened `held`, it waits until its application says that it is complete (O23)."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, scoped_session

from . import door
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
