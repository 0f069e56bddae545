"""Batches: how far each is, and one with its numbers, parts and follow-up."""

from typing import Any

from flask import abort, request
from werkzeug.wrappers import Response

from ..database import db
from ..live_page import live_page
from ..queries import batches as query
from ..strings import gettext

LARGEST_ID = 2**63 - 1


def batches() -> Response:
    """The newest, or those before an id."""
    before = request.args.get("before", "")
    known = before.isascii() and before.isdigit() and int(before[:20]) <= LARGEST_ID
    found = query.page(db.session.connection(), int(before) if known else None)
    shown: dict[str, Any] = {"found": found, "most": query.MOST, "before": before if known else None}
    return live_page("batches/page.html", "batches/live.html", fragment="batches/list.html", **shown)


def one(batch_id: int) -> Response:
    """One batch; 404 when there is none."""
    connection = db.session.connection()
    batch = query.one(connection, batch_id)
    if batch is None:
        abort(404)
    counts = query.numbers(connection, [batch_id])[batch_id]
    numbers = [
        (gettext("Waiting"), "pending", counts.waiting),
        (gettext("Running"), "running", counts.running),
        (gettext("Done"), "done", counts.done),
        (gettext("Errored"), "errored", counts.errored),
        (gettext("Expired"), "expired", counts.expired),
        (gettext("Failed"), "failed", counts.failed),
    ]
    return live_page(
        "batches/one.html",
        "batches/body.html",
        fragment="batches/body.html",
        batch=batch,
        counts=counts,
        numbers=numbers,
        found=query.page(connection, parent=batch_id),
        most=query.MOST,
    )
