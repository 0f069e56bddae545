"""Edit and retry: a ticket's params as fields; what does not fit is told at its field, nothing is lost."""

from typing import Any

from flask import abort, g, request, url_for

from counterfoil.acts import Refused, act
from counterfoil.editing import EditUnfit, edited
from counterfoil.keyset import MAX_ID

from ..answers import go, moved_on, toast, unfit
from ..database import db
from ..masking import is_secret
from ..queries import ticket as queries
from ..queries.tickets import database_now
from ..strings import gettext
from .ticket import context, purged
from .ticket_data import sees_params

FIELD = "param."


def edit(ticket_id: int) -> Any:
    """POST /tickets/<id>/edit: fields `param.<name>`, `moves`, `reason`; a secret left empty stays."""
    if ticket_id > MAX_ID:
        abort(404)
    if not sees_params():
        abort(403)
    connection = db.session.connection()
    told = queries.one(connection, ticket_id)
    if told is None:
        return purged(connection, ticket_id)
    form = request.form
    given = {name[len(FIELD) :]: value for name, value in form.items() if name.startswith(FIELD)}
    given = {
        name: value.replace("\r\n", "\n") for name, value in given.items() if value or not is_secret(name)
    }
    moves = form.get("moves", "")
    try:
        params = edited(told.row.params, given)
        if not (moves.isascii() and moves.isdigit() and len(moves) < 10):
            raise Refused(gettext("moves is no number: load the page again"), "argument")
        reason = form.get("reason", "").strip()[:2000] or None
        done = act(
            connection, "edit", ticket_id, g.user.actor,
            reason=reason, expected_moves=int(moves), params=params,
        )  # fmt: skip
    except EditUnfit as complaint:
        db.session.rollback()
        return _again(ticket_id, given, complaint.complaints)
    except Refused as refused:
        db.session.rollback()
        if refused.code == "argument":
            toast(str(refused), "error")
            return _again(ticket_id, given, {})
        return moved_on("ticket/page.html", str(refused), **_shown(ticket_id))
    db.session.commit()
    toast(
        gettext("Ticket %(id)s is tried again, with other params.", id=ticket_id),
        undo=url_for("trail.undo", trail_id=done.trail_id),
    )
    return go(url_for("tickets.one", ticket_id=ticket_id))


def _again(ticket_id: int, given: dict[str, str], complaints: dict[str, str]) -> Any:
    shown = _shown(ticket_id) | {"edit_given": given, "edit_complaints": complaints}
    return unfit("ticket/page.html", **shown)


def _shown(ticket_id: int) -> dict[str, Any]:
    connection = db.session.connection()
    told = queries.one(connection, ticket_id)
    if told is None:
        abort(410)
    return context(connection, told, database_now(connection))
