"""The trail: who did what, why, before and after."""

from typing import Any

from flask import request
from werkzeug.wrappers import Response

from ..answers import page, unfit
from ..database import db
from ..queries import trail as query
from ..queries.trail import TrailFilter, TrailPage
from ..strings import gettext

LARGEST_ID = 2**63 - 1


def trail() -> Response:
    """A page of it; 422 for an address that makes no sense."""
    try:
        wanted = TrailFilter(
            actor=_text("actor"),
            verb=_text("verb"),
            ticket=_number("ticket"),
            subject=_text("subject"),
            refused=request.args.get("refused") == "1",
        )
        before, after = _number("before"), _number("after")
    except ValueError as complaint:
        return _answer(TrailFilter(), TrailPage([], None, None, False), str(complaint))
    return _answer(wanted, query.page(db.session.connection(), wanted, before, after))


def _answer(wanted: TrailFilter, found: TrailPage, complaint: str | None = None) -> Response:
    context: dict[str, Any] = {"wanted": wanted, "found": found, "complaint": complaint}
    context["undoable"] = query.undoable(db.session.connection(), found.rows)
    answer = unfit if complaint else page
    return answer("trail/page.html", fragment="trail/list.html", **context)


def _text(name: str) -> str | None:
    value = request.args.get(name, "").strip()[:400]
    return value.replace("\x00", "") or None


def _number(name: str) -> int | None:
    value = request.args.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and int(value[:20]) <= LARGEST_ID):
        raise ValueError(
            gettext("%(name)s must be a number, not %(value)s.", name=name, value=repr(value[:40]))
        )
    return int(value)
