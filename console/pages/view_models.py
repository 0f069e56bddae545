"""The view models: what workers registered, who knows them, how they run; pause, resume, route."""

import secrets
from collections.abc import Callable
from typing import Any

from flask import abort, g, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.pauses import pause_view_model, resume_view_model
from counterfoil.routes import route_view_model

from .. import charts
from ..answers import page, toast, unfit
from ..database import db
from ..live_page import live_page
from ..panels import panel
from ..pause_form import HOURS, pause_of
from ..queries import known
from ..queries import view_models as queries
from ..queries.tickets import database_now
from ..refusals import Shown, try_change
from ..strings import gettext


def view_models() -> Response:
    """All of them."""
    connection = db.session.connection()
    rows = queries.records(connection)
    now = database_now(connection)
    names = [row.name for row in rows]
    usual = panel("view models", lambda connection: queries.usual(connection, names, now))
    shown: dict[str, Any] = {"rows": rows, "usual": usual.value or {}, "usual_away": usual.away_since}
    return live_page("view_models/index.html", "view_models/list.html", **shown)


def one(name: str) -> Response:
    """One of them; 404 when no worker has registered it."""
    return page("view_models/one.html", **_context(name))


def pause(name: str) -> Response:
    """Its tickets wait aside until it is resumed, or for some hours."""
    wanted = pause_of(request.form)
    if wanted is None:
        context = _context(name)
        toast(gettext("A pause needs a reason: it stands on every ticket that waits for it."), "error")
        return unfit("view_models/one.html", **context)
    return _change(
        name,
        lambda connection: pause_view_model(connection, name, g.user.actor, wanted.reason, wanted.until),
        gettext("View model %(name)s is paused: its tickets are set aside.", name=name),
    )


def resume(name: str) -> Response:
    """It runs again; 409 when somebody else has resumed it already."""
    return _change(
        name,
        lambda connection: resume_view_model(connection, name, g.user.actor),
        gettext("View model %(name)s runs again: its tickets come back, oldest first.", name=name),
    )


def route(name: str) -> Response:
    """POST: `queue` (empty: the code's), `reason`, `submit_token`. Then the preview of moving what waits."""
    queue = request.form.get("queue", "").strip() or None
    made: list[int] = []

    def change(connection: Connection) -> None:
        made.append(
            route_view_model(
                connection,
                name,
                g.user.actor,
                request.form.get("submit_token", ""),
                queue=queue,
                reason=request.form.get("reason", "").strip()[:2000] or None,
            )
        )

    told = gettext("New tickets of %(name)s follow the route. This moves those that wait:", name=name)
    return _change(name, change, told, lambda: url_for("operations.one", operation_id=made[0]))


def _change(
    name: str, change: Callable[[Connection], None], told: str, there: Callable[[], str] | None = None
) -> Response:
    shown = Shown("view_models/one.html", lambda: _context(name))
    return try_change(change, told, shown, there or (lambda: url_for("view_models.one", name=name)))


def _context(name: str) -> dict[str, Any]:
    connection = db.session.connection()
    row = queries.record(connection, name)
    if row is None:
        abort(404)
    now = database_now(connection)
    return {
        "record": row,
        "now": now,
        "hours": HOURS,
        "usual": panel("view model", lambda c: queries.usual(c, [name], now).get(name)),
        "tickets": panel("view model's tickets", lambda c: queries.tickets(c, name)),
        "versions": queries.versions(connection, name, now),
        "queues": known.names(connection).queues(),
        "submit_token": secrets.token_urlsafe(24),
    } | charts.later(view_model=name)
