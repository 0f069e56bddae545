"""One ticket as data: what its page shows as JSON, and all that is kept of it as a file."""

import json
from datetime import datetime
from typing import Any

from flask import abort, current_app, g, jsonify
from werkzeug.wrappers import Response

from counterfoil.keyset import MAX_ID

from ..changes import shown_params
from ..database import db
from ..masking import MASK, masked, masked_text
from ..queries import ticket as queries
from ..strings import gettext

NOT_SHOWN = ("fence", "token", "kill_at", "key_id")


def ticket_json(ticket_id: int) -> Response:
    """GET /tickets/<id>.json: the page as data, masked and limited as it is."""
    return _answer(ticket_id, queries.AS_SHOWN)


def export(ticket_id: int) -> Response:
    """GET /tickets/<id>/export: a file with all attempts, log lines and trail entries, masked as the page.

    `whole` in it says of each whether nothing was left out: of each the newest 10,000 are in it.
    """
    return _answer(ticket_id, queries.WHOLE, f"ticket-{ticket_id}.json")


def _answer(ticket_id: int, most: queries.Most, file: str | None = None) -> Response:
    connection = db.session.connection()
    told = queries.one(connection, named(ticket_id), most)
    if told is None:
        if not queries.was_given_out(connection, ticket_id):
            abort(404)
        answer = jsonify(error="purged", trail=[_plain(e) for e in queries.trail_of(connection, ticket_id)])
        answer.status_code = 410
        return answer
    data = raw(told)
    if file:
        data["whole"] = {
            "attempts": len(told.attempts) < most.attempts,
            "logs": len(told.logs) < most.lines,
            "trail": len(told.trail) < most.entries,
            "elements": len(told.elements) == told.element_count,
        }
    written = json.dumps(data, indent=2, default=str, ensure_ascii=False)
    made = current_app.response_class(written, mimetype="application/json")
    if file:
        made.headers["Content-Disposition"] = f"attachment; filename={file}"
    return made


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


def sees_params() -> bool:
    """Whether the person's role may see params; which one may is a setting."""
    return bool(g.user.may(current_app.config["COUNTERFOIL"].params_visible_to))


def named(ticket_id: int) -> int:
    """The id of an address; 404 for one that no ticket can have."""
    if ticket_id > MAX_ID:
        abort(404, gettext("No ticket has so large a number."))
    return ticket_id


def _plain(row: Any) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row._mapping.items()
    }
