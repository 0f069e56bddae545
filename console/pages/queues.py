"""The queues: what waits, who listens, pause and resume."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import abort, g, request, url_for
from werkzeug.wrappers import Response

from counterfoil.acts import Refused
from counterfoil.pauses import pause_queue, resume_queue

from ..answers import go, moved_on, page, toast, unfit
from ..database import db
from ..queries.house import house
from ..strings import gettext

HOURS = (1, 4, 24)


def queues() -> Response:
    """All of them."""
    return page("queues/page.html", **_context())


def one(name: str) -> Response:
    """One of them."""
    return page("queues/page.html", **_context(name))


def pause(name: str) -> Response:
    """Nothing of it starts until it is resumed, or for some hours. A further pause replaces the reason."""
    context = _context(name)
    reason = request.form.get("reason", "").strip()[:2000]
    if not reason:
        toast(gettext("A pause needs a reason: it stands on every ticket that waits for it."), "error")
        return unfit("queues/page.html", **context)
    hours = request.form.get("hours", "")
    until = datetime.now(UTC) + timedelta(hours=int(hours)) if hours in map(str, HOURS) else None
    pause_queue(db.session.connection(), name, g.user.actor, reason, until)
    db.session.commit()
    toast(gettext("Queue %(name)s is paused.", name=name))
    return go(url_for("queues"))


def resume(name: str) -> Response:
    """It runs again; 409 when somebody else has resumed it already."""
    try:
        resume_queue(db.session.connection(), name, g.user.actor)
    except Refused as refused:
        db.session.rollback()
        return moved_on("queues/page.html", refused.reason, **_context(name))
    db.session.commit()
    toast(gettext("Queue %(name)s runs again.", name=name))
    return go(url_for("queues"))


def _context(name: str | None = None) -> dict[str, Any]:
    now = house(db.session.connection())
    if name is not None and name not in [queue.row.name for queue in now.queues]:
        abort(404)
    return {"house": now, "only": name, "hours": HOURS}
