"""What a page with charts shows: range, queue, view model, points and marks; from the address or the page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import abort, g, request, url_for
from flask_babel import get_timezone
from sqlalchemy import Connection

from .panels import Panel, panel
from .queries import known
from .queries.figures import RANGES, Point, series
from .queries.marks import Mark, marks
from .strings import gettext
from .times import iso

LONGEST = 200


@dataclass(frozen=True)
class Drawn:
    """The points of a range and what was done within it."""

    since: datetime
    until: datetime
    points: list[Point]
    marks: list[Mark]
    queues: list[str]
    view_models: list[str]


def context(queue: str | None = None, view_model: str | None = None) -> dict[str, Any]:
    """For `charts/body.html`; a queue or view model that the page is about cannot be changed there."""
    wanted = request.args.get("range", "hour")
    if wanted not in RANGES:
        abort(404)
    fixed = queue is not None or view_model is not None
    queue = queue if fixed else request.args.get("queue") or None
    view_model = view_model if fixed else request.args.get("view") or None
    if len(queue or "") > LONGEST or len(view_model or "") > LONGEST:
        abort(404)

    def read(connection: Connection) -> Drawn:
        now = g.user.now
        within = RANGES[wanted]
        names = known.names(connection)
        since = now - timedelta(seconds=within.seconds)
        return Drawn(
            since,
            now,
            series(connection, within, queue or "", view_model or "", now),
            marks(connection, since),
            names.queues(queue),
            names.view_models(view_model),
        )

    found: Panel[Drawn] = panel("charts", read)
    named = {"queue": queue, "view": view_model}
    return {
        "charts": found,
        "ranges": RANGES,
        "range_word": range_word,
        "mark_word": mark_word,
        "mark_link": mark_link,
        "tickets_at": tickets_at,
        "chosen": {"range": wanted, **{name: value for name, value in named.items() if value}},
        "fixed": fixed,
        "zone": str(get_timezone() or "UTC"),
    }


def range_word(name: str) -> str:
    """A range as it stands on its link."""
    return {"hour": gettext("Hour"), "day": gettext("Day"), "month": gettext("Month")}[name]


def mark_word(mark: Mark) -> str:
    """What happened then."""
    words = {
        "version": gettext("first seen: version %(what)s", what=mark.subject),
        "pause": gettext("paused: %(what)s", what=mark.subject),
        "resume": gettext("resumed: %(what)s", what=mark.subject),
        "route": gettext("routed: %(what)s", what=mark.subject),
        "pool-size": gettext("new pool size: %(what)s", what=mark.subject),
        "start operation": gettext("started: %(what)s", what=mark.subject),
    }
    return words[mark.verb]


def mark_link(mark: Mark) -> str:
    """Where it is told."""
    if mark.operation_id is not None:
        return url_for("operations.one", operation_id=mark.operation_id)
    return url_for("workers") if mark.verb == "version" else url_for("trail", subject=mark.subject)


def tickets_at(tab: str, at: datetime, until: datetime, chosen: dict[str, str]) -> str:
    """The tickets that came to a final state in a span; what is pending now, for there is no past of it."""
    named: dict[str, Any] = {name: value for name, value in chosen.items() if name != "range"}
    if tab != "pending":
        named["ended"] = f"{iso(at)}..{iso(until)}"
    return url_for("tickets", tab=tab, **named)
