"""The trail: who did what, why, before and after."""

from datetime import datetime
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from ..answers import page, unfit
from ..database import db
from ..instants import NoInstant, instant
from ..queries import trail as query
from ..queries.tickets import database_now
from ..queries.trail import TrailFilter, TrailPage
from ..said_fields import without_empty_fields
from ..strings import gettext

LARGEST_ID = 2**63 - 1


@without_empty_fields
def trail() -> Response:
    """A page of it; 422 for an address that makes no sense."""
    try:
        wanted = TrailFilter(
            actor=_text("actor"),
            verb=_text("verb"),
            since=_time("since"),
            until=_time("until"),
            refused=request.args.get("refused") == "1",
            **_what(),
        )
        before, after = _number("before"), _number("after")
    except ValueError as complaint:
        return _answer(TrailFilter(), TrailPage([], None, None, False), str(complaint))
    return _answer(wanted, query.page(db.session.connection(), wanted, before, after))


def _answer(wanted: TrailFilter, found: TrailPage, complaint: str | None = None) -> Response:
    context: dict[str, Any] = {"wanted": wanted, "found": found, "complaint": complaint}
    context["undoable"] = query.undoable(db.session.connection(), found.rows)
    context["gone"] = query.gone(db.session.connection(), found.rows)
    context["what"] = wanted.root or wanted.subject or (wanted.ticket if wanted.ticket is not None else "")
    answer = unfit if complaint else page
    return answer("trail/page.html", fragment="trail/list.html", **context)


def _text(name: str) -> str | None:
    value = request.args.get(name, "").strip()[:400]
    return value.replace("\x00", "") or None


def _what() -> dict[str, Any]:
    """One field for what was acted on: a ticket's number, a root's id, or a name such as "queue mail"."""
    what = _text("what")
    if what is None:
        return {"ticket": _number("ticket"), "subject": _text("subject"), "root": _text("root")}
    if what.isascii() and what.isdigit():
        return {"ticket": _number("what")}
    return {"root": what} if "!" in what else {"subject": what}


def _time(name: str) -> datetime | None:
    given = _text(name)
    try:
        return instant(given, database_now(db.session.connection())) if given else None
    except NoInstant as complaint:
        raise ValueError(str(complaint)) from None


def _number(name: str) -> int | None:
    value = request.args.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and int(value[:20]) <= LARGEST_ID):
        raise ValueError(
            gettext("%(name)s must be a number, not %(value)s.", name=name, value=repr(value[:40]))
        )
    return int(value)
