"""One ticket: what is happening, why not, what happened, with what, and what may be done."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, current_app, g, jsonify, render_template, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.editing import sort_of, text_of
from counterfoil.keyset import MAX_ID
from counterfoil.moves import operator_verbs

from .. import etags
from ..answers import gone, page
from ..changes import shown_params
from ..database import db
from ..masking import MASK, is_secret, masked, masked_text, params_table
from ..panels import panel
from ..queries import ticket as queries
from ..queries.standing import standing
from ..queries.tickets import database_now
from ..queries.view_models import Usual, usual
from ..strings import gettext
from ..ticket_words import VERB_ICONS
from ..timeline import timeline
from ..why import reasons

NOT_SHOWN = ("fence", "token", "kill_at", "key_id")


def ticket(ticket_id: int) -> Response:
    """The page, or its body for htmx; 404 for an id that was never given out, 410 for a purged one."""
    connection = db.session.connection()
    told = queries.one(connection, _known(ticket_id))
    if told is None:
        return purged(connection, ticket_id)
    now = database_now(connection)
    if request.args.get("part") == "acts":
        return page("ticket/dialog.html", **acts_context(told, now), target=f"#ticket-{ticket_id}")
    if request.args.get("part") == "body":
        made = render_template("ticket/body.html", **context(connection, told, now))
        return etags.conditional(lambda: made, made)
    return page("ticket/page.html", fragment="ticket/body.html", **context(connection, told, now))


def ticket_json(ticket_id: int) -> Response:
    """The same as data, masked and limited as on the page."""
    connection = db.session.connection()
    told = queries.one(connection, _known(ticket_id))
    if told is None:
        if not queries.was_given_out(connection, ticket_id):
            abort(404)
        answer = jsonify(error="purged", trail=[_plain(e) for e in queries.trail_of(connection, ticket_id)])
        answer.status_code = 410
        return answer
    return current_app.response_class(
        json.dumps(raw(told), indent=2, default=str, ensure_ascii=False), mimetype="application/json"
    )


def purged(connection: Connection, ticket_id: int) -> Response:
    """410 with what the trail still tells; 404 when there never was such a ticket."""
    trail = queries.trail_of(connection, ticket_id)
    if not trail and not queries.was_given_out(connection, ticket_id):
        abort(404, gettext("There is no ticket %(id)s: so many were never opened here.", id=ticket_id))
    return gone("ticket/gone.html", ticket_id=ticket_id, trail=trail)


def context(connection: Connection, told: queries.Told, now: datetime) -> dict[str, Any]:
    """What the page's templates show."""
    row = told.row
    waits = row.state in ("pending", "held")
    return acts_context(told, now) | {
        "told": told,
        "reasons": reasons(row, standing(connection, row, now)) if waits else [],
        "events": timeline(told),
        "params": params_table(row.params) if sees_params() else None,
        "edits": _edits(row) if sees_params() else [],
        "edit_given": {},
        "edit_complaints": {},
        "own": params_table(told.own) if sees_params() else [],
        "raw": json.dumps(raw(told)["ticket"], indent=2, default=str, ensure_ascii=False),
        "may_reveal": g.user.may("admin"),
        "receipt": _receipt(row.receipt),
        "target": "#ticket",
        "usual": _usual(connection, row, now),
    }


@dataclass(frozen=True)
class Edit:
    """A param as a field: its type, its value as text (a secret's is not shown)."""

    name: str
    sort: str
    text: str
    secret: bool


def _edits(row: Any) -> list[Edit]:
    """The fields of "edit and retry"; none where it may not be, or has nothing to edit."""
    if row.encryptor or not isinstance(row.params, dict) or "edit" not in operator_verbs(row.state):
        return []
    return [
        Edit(name, sort_of(value), "" if is_secret(name) else text_of(value), is_secret(name))
        for name, value in row.params.items()
    ]


def acts_context(told: queries.Told, now: datetime) -> dict[str, Any]:
    """What the acts' forms need."""
    # A route moves what waits (operations show it); a single ticket's form for it there is not.
    verbs = [verb for verb in operator_verbs(told.row.state) if verb in VERB_ICONS and verb != "move"]
    return {"row": told.row, "now": now, "verbs": verbs, "may": g.user.may("operator")}


def sees_params() -> bool:
    """Whether the person's role may see params; which one may is a setting."""
    return bool(g.user.may(current_app.config["COUNTERFOIL"].params_visible_to))


def raw(told: queries.Told) -> dict[str, Any]:
    """The ticket with attempts, logs and trail as plain values."""
    ticket = {name: value for name, value in _plain(told.row).items() if name not in NOT_SHOWN}
    open_ = sees_params() and not ticket["encryptor"]
    ticket["params"] = masked(ticket["params"]) if open_ else (ticket["params"] and MASK)
    ticket["receipt"] = masked(ticket["receipt"])
    ticket["error"] = ticket["error"] and masked_text(ticket["error"])
    attempts = [
        _plain(attempt)
        | {
            "error": attempt.error and masked_text(attempt.error),
            "traceback": masked_text(told.tracebacks.get(attempt.traceback_id)) or None,
        }
        for attempt in told.attempts
    ]
    logs = [_plain(log) | {"message": masked_text(log.message)} for log in told.logs]
    return {
        "ticket": ticket,
        "elements": told.elements,
        "own": masked(told.own) if sees_params() else {},
        "attempts": attempts,
        "logs": logs,
        "trail": [shown_params(_plain(entry), sees_params()) for entry in told.trail],
    }


def _usual(connection: Connection, row: Any, now: datetime) -> Usual | None:
    """How long its view model usually runs, while it runs."""
    if row.state != "running":
        return None
    names = [row.view_model]
    return panel("usual run time", lambda c: usual(c, names, now).get(row.view_model)).value


def _receipt(receipt: Any) -> str | None:
    if receipt is None:
        return None
    whole = receipt if isinstance(receipt, str) else json.dumps(masked(receipt), ensure_ascii=False)
    return masked_text(whole)


def _known(ticket_id: int) -> int:
    if ticket_id > MAX_ID:
        abort(404, gettext("No ticket has so large a number."))
    return ticket_id


def _plain(row: Any) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row._mapping.items()
    }
