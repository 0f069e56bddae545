"""The queues: what fills them, who listens, what they are short of; pause, resume, how many at once."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import abort, g, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.pauses import pause_queue, resume_queue
from counterfoil.queue_sizes import set_size

from .. import charts
from ..answers import toast, unfit
from ..bottleneck import bottleneck
from ..database import db
from ..live_page import live_page
from ..panels import panel
from ..pause_form import HOURS, pause_of
from ..queries.house import QueueNow, house
from ..queries.overtaken import overtaken
from ..queries.put_off import put_off
from ..queries.splits import candidates, parts
from ..refusals import Shown, try_change
from ..strings import gettext, ngettext
from ..ticket_words import priority_word
from ..times import exact


def queues() -> Response:
    """All of them; with `part=body` what a live page asks for again and again."""
    return live_page("queues/page.html", "queues/body.html", **_all())


def one(name: str) -> Response:
    """One of them: what fills it, and what it is short of."""
    return live_page("queues/one.html", "queues/one_body.html", **_one(name))


def pause(name: str) -> Response:
    """Nothing of it starts until it is resumed, or for some hours. A further pause replaces the reason."""
    wanted = pause_of(request.form)
    context = _one(name)  # 404 for one that there is not: a pause makes none
    if wanted is None:
        toast(gettext("A pause needs a reason: it stands on every ticket that waits for it."), "error")
        return unfit("queues/one.html", **context)
    return _change(
        name,
        lambda connection: pause_queue(connection, name, g.user.actor, wanted.reason, wanted.until),
        gettext("Queue %(name)s is paused.", name=name),
    )


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
    shown = Shown("queues/one.html", lambda: _one(name))
    return try_change(change, told, shown, lambda: request.form.get("next"), otherwise=url_for("queues"))


def _all() -> dict[str, Any]:
    return {"house": house(db.session.connection(), g.user.now), "hours": HOURS}


def _one(name: str) -> dict[str, Any]:
    now = house(db.session.connection(), g.user.now)
    queue = next((queue for queue in now.queues if queue.row.name == name), None)
    if queue is None:
        abort(404)
    read = panel("queue", lambda connection: _split(connection, queue, now.now))
    return {"house": now, "queue": queue, "split": read, "hours": HOURS, "n": 1} | charts.later(queue=name)


def _split(connection: Connection, queue: QueueNow, now: Any) -> dict[str, Any]:
    found = parts(connection, queue.row.name, queue.views, now)
    told = bottleneck(queue, found, candidates(connection, queue.row.name, now))
    if not queue.paused:
        if (waits := put_off(connection, queue.row.name, now)) is not None:
            # While nothing but postponements comes of it, the workers are not what it is short of.
            told = [_put_off(*waits), *(told if queue.rate else [])]
        wanted = queue.row.target_wait_seconds
        told += [_overtaken(*each) for each in overtaken(connection, queue.row.name, now, wanted)]
    return {"parts": found, "short_of": told}


def _put_off(number: int, reason: str) -> str:
    return ngettext(
        "Its work was postponed once within a minute: %(reason)s",
        "Its work was postponed %(num)d times within a minute: %(reason)s",
        number,
        reason=reason,
    )


def _overtaken(priority: int, since: datetime) -> str:
    return gettext(
        "Priority %(word)s waits since %(at)s: more urgent tickets go first.",
        word=priority_word(priority),
        at=exact(since),
    )
