"""The schedules: when each fires next, what its last fire became; pause, resume, run now."""

from collections.abc import Callable
from typing import Any

from flask import abort, g, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.schedule_acts import pause_schedule, resume_schedule, run_now

from ..answers import page, toast, unfit
from ..database import db
from ..pause_form import HOURS, pause_of
from ..queries.schedules import schedules as read
from ..refusals import Shown, try_change
from ..strings import gettext


def schedules() -> Response:
    """All of them."""
    return page("schedules/page.html", **_context())


def pause(name: str) -> Response:
    """Its fires pass until it is resumed, or for some hours. A further pause replaces the reason."""
    wanted = pause_of(request.form)
    if wanted is None:
        context = _context(name)
        toast(gettext("A pause needs a reason: it stands beside the schedule."), "error")
        return unfit("schedules/page.html", **context)
    return _change(
        name,
        lambda connection: pause_schedule(connection, name, g.user.actor, wanted.reason, wanted.until),
        gettext("Schedule %(name)s is paused.", name=name),
    )


def resume(name: str) -> Response:
    """It fires again; 409 when somebody else has resumed it already."""
    return _change(
        name,
        lambda connection: resume_schedule(connection, name, g.user.actor),
        gettext("Schedule %(name)s fires again.", name=name),
    )


def now(name: str) -> Response:
    """Its ticket at once; 409 when it has planted one since the page was made (a double click)."""
    seen = request.form.get("seen", "")
    known = int(seen[:19]) if seen.isascii() and seen.isdigit() else None
    made: list[int] = []

    def plant(connection: Connection) -> None:
        made.append(run_now(connection, name, g.user.actor, seen=known))

    told = gettext("A ticket is opened by schedule %(name)s.", name=name)
    return _change(name, plant, told, lambda: url_for("tickets.one", ticket_id=made[0]))


def _change(
    name: str, change: Callable[[Connection], None], told: str, there: Callable[[], str] | None = None
) -> Response:
    _context(name)  # 404 for one that there is not
    shown = Shown("schedules/page.html", lambda: _context(name))
    return try_change(change, told, shown, there or (lambda: url_for("schedules")))


def _context(name: str | None = None) -> dict[str, Any]:
    found = read(db.session.connection())
    if name is not None and name not in [schedule.row.name for schedule in found]:
        abort(404)
    return {"schedules": found, "hours": HOURS}
