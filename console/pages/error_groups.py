"""Errors by cause: the list, one group, and what a person says about it or does to all of it."""

import secrets
from collections.abc import Callable
from typing import Any

from flask import abort, g, request, url_for
from werkzeug.wrappers import Response

from counterfoil import error_groups as core
from counterfoil.acts import Refused
from counterfoil.filters import TicketFilter

from ..answers import go, moved_on, page, toast, unfit
from ..database import db
from ..instants import NoInstant, instant
from ..queries import error_groups as queries
from ..queries.tickets import database_now
from ..strings import gettext

LONGEST_REASON = 2000
ON_ALL = ("retry", "expire", "fail")


def errors() -> Response:
    """All groups."""
    connection = db.session.connection()
    now = database_now(connection)
    return page("errors/page.html", **_words(), now=now, groups=queries.groups(connection, now))


def one(fingerprint: str) -> Response:
    """One group; 404 when there is none."""
    return page("errors/group.html", **_context(fingerprint))


def acknowledge(fingerprint: str) -> Any:
    """POST: field `note`."""
    note = _reason("note")
    return _said(
        fingerprint,
        lambda connection: core.acknowledge(connection, fingerprint, g.user.actor, note),
        gettext("Acknowledged: whoever comes next reads who and why."),
    )


def mute(fingerprint: str) -> Any:
    """POST: fields `until`, `reason`."""
    now = database_now(db.session.connection())
    try:
        until = instant(request.form.get("until", ""), now)
        if until <= now:
            raise NoInstant(gettext("That time is past: choose one to come."))
    except NoInstant as complaint:
        toast(str(complaint), "error")
        return unfit("errors/group.html", **_context(fingerprint))
    reason = _reason("reason")
    return _said(
        fingerprint,
        lambda connection: core.mute(connection, fingerprint, g.user.actor, until, reason),
        gettext("Muted: it stands behind the others until then."),
    )


def unmute(fingerprint: str) -> Any:
    """POST: back among the others."""
    return _said(
        fingerprint,
        lambda connection: core.unmute(connection, fingerprint, g.user.actor),
        gettext("It stands among the others again."),
    )


def _said(fingerprint: str, say: Callable[[Any], None], told: str) -> Any:
    try:
        say(db.session.connection())
    except Refused as refused:
        db.session.rollback()
        return moved_on("errors/group.html", str(refused), **_context(fingerprint))
    db.session.commit()
    toast(told)
    return go(url_for("errors.one", fingerprint=fingerprint))


def _context(fingerprint: str) -> dict[str, Any]:
    connection = db.session.connection()
    found = queries.one(connection, fingerprint)
    if found is None:
        abort(404)
    return _words() | {
        "group": found[0],
        "traceback": found[1],
        "now": database_now(connection),
        "query": TicketFilter(tab="errored", error=fingerprint).query(),
        "submit_token": secrets.token_urlsafe(24),
        "verbs": ON_ALL,
        "may": g.user.may("operator"),
    }


def _words() -> dict[str, Any]:
    return {"is_muted": queries.is_muted, "last_hour": queries.last_hour}


def _reason(name: str) -> str | None:
    return request.form.get(name, "").replace("\x00", "").strip()[:LONGEST_REASON] or None
