"""Freeing an idempotence token on demand: the next ticket with it is a new one."""

from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session, scoped_session

from . import opener
from .declare import name_of
from .door import TABLE
from .saving import connection_of
from .tables import TrailEntry
from .ticket import Ticket

ENDED = "('done', 'failed')"


def free_token(session: Session | scoped_session[Any], view_model: Any, token: str) -> bool:
    """Free the token of a ticket that is done or failed, in the session's transaction; recorded in the trail.

    False when no such ticket holds it: nobody does, or the ticket may still run (an errored one is expired
    by a person, which frees it too). Index: counterfoil_tickets_idempotence.
    """
    own = session() if isinstance(session, scoped_session) else session
    own.flush()
    connection, name = connection_of(own), name_of(view_model)
    held = "view_model = :name AND idempotence_token = :token AND state <> 'expired' AND state IN " + ENDED
    row = connection.execute(
        text(f"UPDATE {TABLE} SET idempotence_token = NULL WHERE {held} RETURNING id, root_id"),
        {"name": name, "token": token},
    ).fetchone()
    if row is None:
        return False
    entry = {"actor": opener.ask(connection) or "the application", "via": "orm", "verb": "free-token"}
    about = {"ticket_id": row.id, "view_model": name, "root_id": row.root_id}
    before, after = {"idempotence_token": token}, {"idempotence_token": None}
    connection.execute(insert(TrailEntry).values(**entry, **about, before=before, after=after))
    if (held_by := own.identity_map.get(own.identity_key(Ticket, row.id))) is not None:
        own.expire(held_by, ["idempotence_token"])
    return True
