"""A single act: a button's POST, in place with htmx, else a redirect; 409 with how the ticket is now."""

from datetime import datetime
from typing import Any

from flask import abort, g, render_template, request, url_for
from sqlalchemy import Connection

from counterfoil.acts import Refused, act
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.keyset import MAX_ID
from counterfoil.undo import UNDOABLE

from ..answers import go, moved_on, toast, unfit
from ..database import db
from ..htmx import htmx
from ..instants import NoInstant, instant
from ..queries import ticket as queries
from ..queries.standing import standing
from ..queries.tickets import by_ids, database_now
from ..strings import gettext
from ..ticket_words import VERB_ICONS, verb_past
from ..why import reasons
from .ticket import context as page_context
from .ticket import purged

LONGEST_REASON = 2000
ROWS = {"list": "tickets/row.html", "expiring": "expiring/waiting.html", "leaving": "expiring/leaving.html"}
"""The row's own file, by the list that asked."""


def act_on(ticket_id: int, verb: str) -> Any:
    """POST /tickets/<id>/<verb>: fields `moves` (as the page saw it), `reason`, `until`, `next`, `list`."""
    if verb not in VERB_ICONS or ticket_id > MAX_ID:
        abort(404)
    connection = db.session.connection()
    try:
        given = _given(verb, database_now(connection))
        done = act(connection, verb, ticket_id, g.user.actor, **given)
    except Refused as refused:
        db.session.rollback()
        return _refused(ticket_id, refused)
    db.session.commit()
    connection = db.session.connection()
    back = url_for("trail.undo", trail_id=done.trail_id) if verb in UNDOABLE else None
    toast(_told(connection, ticket_id, verb), undo=back)
    if htmx.wants_fragment:
        template, context = _shown(connection, ticket_id)
        return render_template(template, **context)
    return go(request.form.get("next"), url_for("tickets.one", ticket_id=ticket_id))


def _refused(ticket_id: int, refused: Refused) -> Any:
    connection = db.session.connection()
    if refused.code == "gone" or queries.one(connection, ticket_id) is None:
        return purged(connection, ticket_id)
    template, context = _shown(connection, ticket_id)
    if refused.code == "argument":
        toast(str(refused), "error")
        return unfit(template, **context)
    return moved_on(template, str(refused), **context)


def _shown(connection: Connection, ticket_id: int) -> tuple[str, dict[str, Any]]:
    """What the answer holds: the row when a row asked, else the ticket's page or its body."""
    now = database_now(connection)
    if htmx.wants_fragment and htmx.target == f"ticket-{ticket_id}":
        try:
            wanted = TicketFilter.parse(request.form.get("list", ""))
        except FilterError:
            wanted = TicketFilter()
        (row,) = by_ids(connection, [ticket_id], wanted, now)
        template = ROWS.get(request.form.get("row", ""), ROWS["list"])
        return template, {"row": row, "now": now, "may": g.user.may("operator")}
    told = queries.one(connection, ticket_id)
    assert told is not None
    template = "ticket/body.html" if htmx.wants_fragment else "ticket/page.html"
    return template, page_context(connection, told, now)


def _told(connection: Connection, ticket_id: int, verb: str) -> str:
    """What the toast says; after run-now also what still stands in the way."""
    text = verb_past(verb, ticket_id)
    told = queries.one(connection, ticket_id) if verb == "run-now" else None
    if told is None:
        return text
    found = reasons(told.row, standing(connection, told.row, database_now(connection)))
    return f"{text} {found[0].text}" if found else text


def _given(verb: str, now: datetime) -> dict[str, Any]:
    """The act's arguments from the form. Raises Refused (argument)."""
    form = request.form
    moves = request.values.get("moves", "")  # a button has one name of its own: the other is in its address
    reason, until = form.get("reason", "").strip(), request.values.get("until", "")
    if moves and not (moves.isascii() and moves.isdigit() and len(moves) < 10):
        raise Refused(gettext("moves is no number: load the page again"), "argument")
    if len(reason) > LONGEST_REASON or "\x00" in reason:
        raise Refused(gettext("A reason has at most %(n)d characters.", n=LONGEST_REASON), "argument")
    given: dict[str, Any] = {"reason": reason or None, "expected_moves": int(moves) if moves else None}
    if verb == "extend":
        return given | {"expires_at": None if until == "none" else _instant(until, now)}
    if verb == "stop":
        return given | {"hold": form.get("hold") == "1"}
    if verb == "keep":
        if until == "evidence" and not reason:
            raise Refused(
                gettext("Keeping as evidence has no end: say why, it stands in the trail."), "argument"
            )
        return given | {"until": None if until == "evidence" else _instant(until, now)}
    return given


def _instant(until: str, now: datetime) -> datetime:
    try:
        at = instant(until, now)
    except NoInstant as error:
        raise Refused(str(error), "argument") from None
    if at <= now:
        raise Refused(gettext("That time is past: choose one to come."), "argument")
    return at
