"""Errors by cause: the list, one group, and what a person says about it or does to all of it."""

import secrets
from collections.abc import Callable
from typing import Any

from flask import abort, current_app, g, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil import group_words as core
from counterfoil import operations
from counterfoil.error_groups import latest_error
from counterfoil.filters import TicketFilter

from ..answers import toast, unfit
from ..database import db
from ..instants import NoInstant, instant
from ..live_page import live_page
from ..queries import error_groups as queries
from ..queries.tickets import database_now
from ..refusals import Shown, try_change
from ..strings import gettext

LONGEST_REASON = 2000
ON_ALL = ("retry", "expire", "fail")


def errors() -> Response:
    """All groups."""
    connection = db.session.connection()
    now = database_now(connection)
    groups = queries.groups(connection, now)
    return live_page("errors/page.html", "errors/list.html", **_words(), now=now, groups=groups)


def one(fingerprint: str) -> Response:
    """One group; 404 when there is none."""
    return live_page("errors/group.html", "errors/body.html", **_context(fingerprint))


def acknowledge(fingerprint: str) -> Any:
    """POST: fields `note`; `tickets` (1: an operation that acknowledges its errored tickets is asked for)."""
    note = _reason("note")
    told = gettext("Acknowledged: whoever comes next reads who and why.")
    made: list[int] = []

    def say(connection: Connection) -> None:
        core.acknowledge(connection, fingerprint, g.user.actor, note)
        if request.form.get("tickets") == "1":
            query, token = _tickets(fingerprint).query(), request.form.get("submit_token", "")
            made.append(operations.ask(connection, "acknowledge", g.user.actor, token, query=query))

    def there() -> str:
        if made:
            return url_for("operations.one", operation_id=made[0], reason=note)
        return url_for("errors.one", fingerprint=fingerprint)

    return _said(fingerprint, say, told, there)


def mute(fingerprint: str) -> Any:
    """POST: fields `until` (a time, `count` with `failures`, or `quiet`), `reason`."""
    wish, now = request.form.get("until", ""), database_now(db.session.connection())
    given: dict[str, Any] = {}
    try:
        if wish == "quiet":
            given["quiet"] = True
        elif wish == "count":
            given["failures"] = _count(request.form.get("failures", ""))
        else:
            given["until"] = instant(wish, now)
            if given["until"] <= now:
                raise NoInstant(gettext("That time is past: choose one to come."))
    except NoInstant as complaint:
        toast(str(complaint), "error")
        return unfit("errors/group.html", **_context(fingerprint))
    given["reason"] = _reason("reason")
    return _said(
        fingerprint,
        lambda connection: core.mute(connection, fingerprint, g.user.actor, **given),
        gettext("Muted: it stands behind the others until then."),
    )


def unmute(fingerprint: str) -> Any:
    """POST: back among the others."""
    return _said(
        fingerprint,
        lambda connection: core.unmute(connection, fingerprint, g.user.actor),
        gettext("It stands among the others again."),
    )


def _said(
    fingerprint: str, say: Callable[[Connection], None], told: str, then: Callable[[], str] | None = None
) -> Any:
    shown = Shown("errors/group.html", lambda: _context(fingerprint))
    return try_change(say, told, shown, then or (lambda: url_for("errors.one", fingerprint=fingerprint)))


def _context(fingerprint: str) -> dict[str, Any]:
    connection = db.session.connection()
    found = queries.one(connection, fingerprint)
    if found is None:
        abort(404)
    return _words() | {
        "group": found[0],
        "traceback": found[1],
        "latest_error": latest_error(connection, found[0]),
        "now": database_now(connection),
        "query": _tickets(fingerprint).query(),
        "queue": queries.queue_of(connection, found[0].view_model),
        "pause_view_model": _view_model_page(found[0].view_model),
        "submit_token": secrets.token_urlsafe(24),
        "verbs": ON_ALL,
        "may": g.user.may("operator"),
    }


def _view_model_page(name: str | None) -> str | None:
    """Where its view model is paused; None while there is no such page."""
    routes = current_app.extensions["counterfoil_routes"].values()
    found = [route for route in routes if route.path in ("/view-models/<path:name>", "/view-models/<name>")]
    return url_for(found[0].endpoint, name=name) if found and name else None


def _tickets(fingerprint: str) -> TicketFilter:
    return TicketFilter(tab="errored", error=fingerprint)


def _count(given: str) -> int:
    text = given.strip()
    if not (text.isascii() and text.isdigit() and 0 < int(text[:12]) <= core.MOST_FAILURES):
        raise NoInstant(gettext("Say for how many failures: a number from 1."))
    return int(text)


def _words() -> dict[str, Any]:
    return {"is_muted": core.is_muted, "last_hour": queries.last_hour}


def _reason(name: str) -> str | None:
    return request.form.get(name, "").replace("\x00", "").strip()[:LONGEST_REASON] or None
