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


@dataclass(frozen=True)
class Asked:
    """Which charts: as the address says, but for what the page is about (`fixed`)."""

    range: str
    queue: str | None
    view: str | None
    fixed: bool

    @property
    def named(self) -> dict[str, str]:
        """As fields of an address, without those that say nothing."""
        found = {"range": self.range, "queue": self.queue, "view": self.view}
        return {name: value for name, value in found.items() if value}

    @property
    def url(self) -> str:
        """The charts' own address."""
        fields: dict[str, Any] = {**self.named, "fixed": 1 if self.fixed else None}
        return url_for("charts", **fields)


def later(queue: str | None = None, view_model: str | None = None) -> dict[str, Any]:
    """For `charts/later.html`: a page asks for its charts once it is shown. 404 for a range that is none."""
    return {"charts_url": _asked(queue, view_model).url}


def _asked(queue: str | None, view_model: str | None) -> Asked:
    wanted, fixed = request.args.get("range", "hour"), queue is not None or view_model is not None
    queue = queue if fixed else request.args.get("queue") or None
    view_model = view_model if fixed else request.args.get("view") or None
    if wanted not in RANGES or len(queue or "") > LONGEST or len(view_model or "") > LONGEST:
        abort(404)
    return Asked(wanted, queue, view_model, fixed or bool(request.args.get("fixed")))


def context() -> dict[str, Any]:
    """For `charts/body.html`; a queue or view model that the page is about cannot be changed there."""
    asked = _asked(None, None)

    def read(connection: Connection) -> Drawn:
        now = g.user.now
        within = RANGES[asked.range]
        names = known.names(connection)
        since = now - timedelta(seconds=within.seconds)
        return Drawn(
            since,
            now,
            series(connection, within, asked.queue or "", asked.view or "", now),
            marks(connection, since),
            names.queues(asked.queue),
            names.view_models(asked.view),
        )

    found: Panel[Drawn] = panel("charts", read)
    return {
        "charts": found,
        "ranges": RANGES,
        "range_word": range_word,
        "mark_word": mark_word,
        "mark_link": mark_link,
        "tickets_at": tickets_at,
        "chosen": asked.named,
        "fixed": asked.fixed,
        "charts_url": asked.url,
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
