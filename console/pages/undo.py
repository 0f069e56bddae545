"""Undo of one act: a button on the toast, the timeline and the trail; 409 with how the ticket is now."""

from typing import Any
from urllib.parse import urlsplit

from flask import abort, g, request, url_for

from counterfoil.acts import Refused
from counterfoil.keyset import MAX_ID
from counterfoil.undo import undo as take_back

from ..answers import go, moved_on, page, toast
from ..database import db
from ..htmx import htmx
from ..queries import ticket as queries
from ..queries.tickets import database_now
from ..queries.trail import entry
from ..strings import gettext
from .ticket import context, purged


def undo(trail_id: int) -> Any:
    """POST /trail/<id>/undo: back to the page that asked; with htmx the ticket's fresh body."""
    connection = db.session.connection()
    act = entry(connection, trail_id) if trail_id <= MAX_ID else None
    if act is None or act.ticket_id is None:
        abort(404)
    try:
        done = take_back(connection, trail_id, g.user.actor)
    except Refused as refused:
        db.session.rollback()
        return _refused(act.ticket_id, refused)
    db.session.commit()
    words = {"id": done.ticket_id, "verb": act.verb, "state": done.state}
    toast(gettext("Undone: %(verb)s of ticket %(id)s. It is %(state)s again.", **words))
    if htmx.wants_fragment:
        return page("ticket/body.html", **_context(done.ticket_id))
    return go(_asked_from(), url_for("tickets.one", ticket_id=done.ticket_id))


def _refused(ticket_id: int, refused: Refused) -> Any:
    connection = db.session.connection()
    if queries.one(connection, ticket_id) is None:
        return purged(connection, ticket_id)
    whole = "ticket/body.html" if htmx.wants_fragment else "ticket/page.html"
    return moved_on(whole, str(refused), **_context(ticket_id))


def _context(ticket_id: int) -> dict[str, Any]:
    connection = db.session.connection()
    told = queries.one(connection, ticket_id)
    assert told is not None
    return context(connection, told, database_now(connection))


def _asked_from() -> str | None:
    """The page on which the button was: a toast does not know where it stands, the browser does."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")
