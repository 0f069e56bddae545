"""The schedules: when each fires next, what its last fire became; pause, resume, run now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import abort, g, request, url_for
from werkzeug.wrappers import Response

from counterfoil.acts import Refused
from counterfoil.schedule_acts import pause_schedule, resume_schedule, run_now

from ..answers import go, moved_on, page, toast, unfit
from ..database import db
from ..pause_form import HOURS
from ..queries.schedules import schedules as read
from ..strings import gettext


def schedules() -> Response:
    """All of them."""
    return page("schedules/page.html", **_context())


def pause(name: str) -> Response:
    """Its fires pass until it is resumed, or for some hours. A further pause replaces the reason."""
    context = _context(name)
    reason = request.form.get("reason", "").strip()[:2000]
    if not reason:
        toast(gettext("A pause needs a reason: it stands beside the schedule."), "error")
        return unfit("schedules/page.html", **context)
    hours = request.form.get("hours", "")
    until = datetime.now(UTC) + timedelta(hours=int(hours)) if hours in map(str, HOURS) else None
    pause_schedule(db.session.connection(), name, g.user.actor, reason, until)
    db.session.commit()
    toast(gettext("Schedule %(name)s is paused.", name=name))
    return go(url_for("schedules"))


def resume(name: str) -> Response:
    """It fires again; 409 when somebody else has resumed it already."""
    _context(name)
    try:
        resume_schedule(db.session.connection(), name, g.user.actor)
    except Refused as refused:
        db.session.rollback()
        return moved_on("schedules/page.html", refused.reason, **_context(name))
    db.session.commit()
    toast(gettext("Schedule %(name)s fires again.", name=name))
    return go(url_for("schedules"))


def now(name: str) -> Response:
    """Its ticket at once; 409 when it has planted one since the page was made (a double click)."""
    _context(name)
    seen = request.form.get("seen", "")
    known = int(seen[:19]) if seen.isascii() and seen.isdigit() else None
    try:
        ticket_id = run_now(db.session.connection(), name, g.user.actor, seen=known)
    except Refused as refused:
        db.session.rollback()
        return moved_on("schedules/page.html", refused.reason, **_context(name))
    db.session.commit()
    toast(gettext("Ticket %(id)s is opened by schedule %(name)s.", id=ticket_id, name=name))
    return go(url_for("tickets.one", ticket_id=ticket_id))


def _context(name: str | None = None) -> dict[str, Any]:
    found = read(db.session.connection())
    if name is not None and name not in [schedule.row.name for schedule in found]:
        abort(404)
    return {"schedules": found, "hours": HOURS}
