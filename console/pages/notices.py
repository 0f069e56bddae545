"""Notices that were given up: to whom, by which way, why; and sending them again."""

from typing import Any

from flask import abort, g, request, url_for
from werkzeug.wrappers import Response

from counterfoil.acts import Refused
from counterfoil.notice_acts import MOST, given_up
from counterfoil.notice_acts import send_again as again

from ..answers import go, moved_on, page, toast
from ..database import db
from ..strings import ngettext


def notices() -> Response:
    """The latest of them."""
    return page("notices/page.html", **_context())


def send_again() -> Response:
    """One, or all that stood on the page; 409 when somebody else was faster."""
    ids = request.form.getlist("id") or request.form.getlist("listed")
    if not ids or len(ids) > MOST or not all(i.isascii() and i.isdigit() and len(i) < 19 for i in ids):
        abort(422)
    try:
        number = again(db.session.connection(), [int(i) for i in ids], g.user.actor)
    except Refused as refused:
        db.session.rollback()
        return moved_on("notices/page.html", refused.reason, **_context())
    db.session.commit()
    toast(ngettext("One notice is sent again.", "%(num)d notices are sent again.", number))
    return go(url_for("workers.notices"))


def _context() -> dict[str, Any]:
    return {"notices": given_up(db.session.connection())}
