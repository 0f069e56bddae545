"""Everything about one root: as a page, as a fragment to embed, as JSON."""

import json
from datetime import datetime
from typing import Any

from flask import abort, current_app, request
from werkzeug.wrappers import Response

from counterfoil.filters import FilterError, TicketFilter
from counterfoil.keyset import CursorError

from ..answers import unfit
from ..database import db
from ..live_page import live_page
from ..masking import masked_text
from ..queries import roots as query
from ..queries.tickets import Page, database_now
from ..queries.tickets import page as read_page
from ..strings import gettext

_ROW = (
    "id", "state", "view_model", "queue", "attempts", "max_attempts", "opened_at", "due_at", "started_at",
    "done", "delete_time", "error_kind",
)  # fmt: skip


def root(root_id: str) -> Response:
    """The page; with `part=body` its fragment, which answers 304 while nothing has changed."""
    try:
        context = _context(root_id)
    except (FilterError, CursorError) as complaint:
        told: dict[str, Any] = {"complaint": str(complaint), "search": None, "kept": []}
        return unfit("tickets/unfit.html", fragment="tickets/complaint.html", **told)
    return live_page("roots/page.html", "roots/body.html", fragment="roots/body.html", **context)


def root_json(root_id: str) -> Response:
    """The same as data, masked as on the page; `next` is the cursor of the next 50 tickets."""
    try:
        context = _context(root_id)
    except (FilterError, CursorError) as complaint:
        return _json({"error": str(complaint)}, 422)
    told: query.RootTold = context["told"]
    found: Page = context["found"]
    return _json(
        {
            "root_id": told.root_id,
            "label": told.label,
            "link": told.link,
            "tickets_by_state": told.of,
            "more_tickets": told.more,
            "batches": [dict(row._mapping) for row in told.batches],
            "errors": [
                {
                    "fingerprint": row.fingerprint,
                    "class": row.class_name,
                    "error": row.error and masked_text(row.error),
                    "tickets": row.tickets,
                }
                for row in told.errors
            ],
            "tickets": [
                {name: getattr(row, name) for name in _ROW} | {"error": row.error and masked_text(row.error)}
                for row in found.rows
            ],
            "next": found.next,
        }
    )


def _context(root_id: str) -> dict[str, Any]:
    """What the templates show. Raises FilterError, CursorError; 404 for what names no root."""
    name, mark, key = root_id.partition("!")
    if not (name and mark and key):
        abort(404, gettext("A root is named by its class and key, for example Customer!42."))
    connection = db.session.connection()
    now = database_now(connection)
    wanted = TicketFilter.parse([("root", root_id)])
    found = read_page(connection, wanted, request.args.get("cursor"), now)
    return {"told": query.root(connection, root_id), "found": found, "now": now}


def _json(told: Any, status: int = 200) -> Response:
    written = json.dumps(told, indent=2, default=_written, ensure_ascii=False)
    return current_app.response_class(written, status, mimetype="application/json")


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
