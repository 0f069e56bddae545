"""One ticket: what is happening, why not, what happened, with what, and what may be done."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import abort, g, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.editing import sort_of, text_of
from counterfoil.moves import operator_verbs

from ..answers import gone, page
from ..attempts import attempts
from ..database import db
from ..live_page import live_page
from ..masking import is_secret, masked, masked_text, params_table
from ..panels import panel
from ..queries import ticket as queries
from ..queries.follow_ups import follow_ups
from ..queries.standing import standing
from ..queries.view_models import Usual, usual
from ..strings import gettext
from ..ticket_words import VERB_ICONS
from ..timeline import timeline
from ..way import way
from ..why import reasons
from .ticket_data import named, raw, sees_params

NOTED = ("note", "acknowledge")
"""Acts that leave a word for whoever comes next."""


def ticket(ticket_id: int) -> Response:
    """The page, or its body for htmx; 404 for an id that was never given out, 410 for a purged one."""
    connection = db.session.connection()
    told = queries.one(connection, named(ticket_id))
    if told is None:
        return purged(connection, ticket_id)
    now = g.user.now
    if request.args.get("part") == "acts":
        return page("ticket/dialog.html", **acts_context(told, now), target=f"#ticket-{ticket_id}")
    body = "ticket/body.html"
    return live_page("ticket/page.html", body, fragment=body, **context(connection, told, now))


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
        "way": way(told),
        "events": timeline(told),
        "attempts": attempts(told),
        "latest": _latest(told),
        "notes": [entry for entry in told.trail if entry.verb in NOTED and entry.reason],
        "follow_ups": follow_ups(connection, row),
        "more_logs": len(told.logs) >= queries.MOST_LINES,
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


def _latest(told: queries.Told) -> Any:
    """The attempt whose traceback stands open: the newest that has one, while its error stands."""
    with_one = [attempt for attempt in told.attempts if attempt.traceback_id in told.tracebacks]
    return with_one[-1] if told.row.error and with_one else None


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
