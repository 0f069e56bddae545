"""The queues: what fills them, who listens, what they are short of; pause, resume, how many at once."""

from collections.abc import Callable
from typing import Any

from flask import abort, g, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.acts import Refused
from counterfoil.pauses import pause_queue, resume_queue
from counterfoil.queue_sizes import set_size

from .. import charts, etags
from ..answers import go, moved_on, page, toast, unfit
from ..bottleneck import bottleneck
from ..database import db
from ..panels import panel
from ..pause_form import HOURS, pause_of
from ..queries.house import QueueNow, house
from ..queries.splits import candidates, parts
from ..strings import gettext


def queues() -> Response:
    """All of them; with `part=body` what a live page asks for again and again."""
    context = _all()
    if request.args.get("part") == "body":
        body = render_template("queues/body.html", **context)
        return etags.conditional(lambda: body, body)
    return page("queues/page.html", **context)


def one(name: str) -> Response:
    """One of them: what fills it, and what it is short of."""
    context = _one(name)
    if request.args.get("part") == "body":
        body = render_template("queues/one_body.html", **context)
        return etags.conditional(lambda: body, body)
    return page("queues/one.html", **context)


def pause(name: str) -> Response:
    """Nothing of it starts until it is resumed, or for some hours. A further pause replaces the reason."""
    wanted = pause_of(request.form)
    context = _one(name)
    if wanted is None:
        toast(gettext("A pause needs a reason: it stands on every ticket that waits for it."), "error")
        return unfit("queues/one.html", **context)
    pause_queue(db.session.connection(), name, g.user.actor, wanted.reason, wanted.until)
    db.session.commit()
    toast(gettext("Queue %(name)s is paused.", name=name))
    return go(request.form.get("next"), url_for("queues"))


def resume(name: str) -> Response:
    """It runs again; 409 when somebody else has resumed it already."""
    return _change(
        name,
        lambda connection: resume_queue(connection, name, g.user.actor),
        gettext("Queue %(name)s runs again.", name=name),
    )


def pool_size(name: str) -> Response:
    """POST: fields `pool_size` (empty: no limit), `target_wait_seconds`, `reason`."""
    size, wait = (request.form.get(field, "").strip() for field in ("pool_size", "target_wait_seconds"))
    if not all(text.isascii() and text.isdigit() and len(text) < 9 for text in (size or "1", wait)):
        toast(gettext("Both are whole numbers; an empty pool size means no limit."), "error")
        return unfit("queues/one.html", **_one(name))
    return _change(
        name,
        lambda connection: set_size(
            connection,
            name,
            g.user.actor,
            pool_size=int(size) if size else None,
            target_wait_seconds=int(wait),
            reason=request.form.get("reason", "").strip()[:2000] or None,
        ),
        gettext("Queue %(name)s has its new size.", name=name),
    )


def _change(name: str, change: Callable[[Connection], None], told: str) -> Response:
    try:
        change(db.session.connection())
    except Refused as refused:
        db.session.rollback()
        if refused.code == "gone":
            abort(404)
        if refused.code == "argument":
            toast(refused.reason, "error")
            return unfit("queues/one.html", **_one(name))
        return moved_on("queues/one.html", refused.reason, **_one(name))
    db.session.commit()
    toast(told)
    return go(request.form.get("next"), url_for("queues"))


def _all() -> dict[str, Any]:
    return {"house": house(db.session.connection()), "hours": HOURS}


def _one(name: str) -> dict[str, Any]:
    now = house(db.session.connection())
    queue = next((queue for queue in now.queues if queue.row.name == name), None)
    if queue is None:
        abort(404)
    read = panel("queue", lambda connection: _split(connection, queue, now.now))
    return {"house": now, "queue": queue, "split": read, "hours": HOURS, "n": 1} | charts.context(queue=name)


def _split(connection: Connection, queue: QueueNow, now: Any) -> dict[str, Any]:
    found = parts(connection, queue.row.name, queue.views, now)
    return {"parts": found, "short_of": bottleneck(queue, found, candidates(connection, queue.row.name, now))}
