"""Bulk acts as a person meets them: asked, previewed, watched. `operating` is what they do to one."""

from typing import Any

from flask import abort, g, request, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from counterfoil import operations as core
from counterfoil import pace
from counterfoil.acts import Refused
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.frozen_set import may_take
from counterfoil.keyset import MAX_ID

from ..answers import go, unfit
from ..database import db
from ..live_page import live_page
from ..queries import error_groups
from ..queries import operations as queries
from ..queries.house import paused_work
from ..strings import gettext

RESULTS = ("changed", "skipped", "failed")


def operations() -> Response:
    """The newest first."""
    before = number(request.args.get("before"))
    rows = queries.recent(db.session.connection(), before)
    more = rows[queries.SIZE - 1].id if len(rows) > queries.SIZE else None
    shown: dict[str, Any] = {"rows": rows[: queries.SIZE], "more": more, "before": before}
    return live_page("operations/index.html", "operations/list.html", **shown)


def one(operation_id: int) -> Response:
    """Preview, progress, result per ticket."""
    body = "operations/body.html"
    return live_page("operations/page.html", body, fragment=body, **context(operation_id))


def ask() -> Any:
    """POST /operations: fields `verb`, `scope` (ids or all), `ids`, `query`, `submit_token`."""
    form = request.form
    try:
        query = form.get("query", "") if form.get("scope") == "all" else None
        made = core.ask(
            db.session.connection(),
            form.get("verb", ""),
            g.user.actor,
            form.get("submit_token", ""),
            query=query,
            ids=_ids(form.getlist("ids")) if query is None else None,
        )
    except Refused as refused:
        db.session.rollback()
        return unfit(
            "operations/unfit.html", complaint=str(refused), back=_list(_filter(form.get("query", "")))
        )
    db.session.commit()
    return go(url_for("operations.one", operation_id=made))


def _now_in(connection: Connection, row: Row[Any]) -> list[tuple[str | None, int]]:
    """What has become of what it let run: a retry that was carried out may have failed once more."""
    return queries.states_now(connection, row.id) if row.verb in pace.RUN and row.changed else []


def _waiting(connection: Connection, row: Row[Any]) -> list[tuple[Row[Any], int]]:
    """What will keep them from running once it has let them run."""
    if row.state != "previewed" or row.verb not in pace.RUN:
        return []
    pauses = paused_work(connection, g.user.now)
    return queries.waiting(connection, row.id, may_take(row.verb), pauses)


def context(operation_id: int) -> dict[str, Any]:
    connection = db.session.connection()
    row = queries.one(connection, operation_id) if operation_id <= MAX_ID else None
    if row is None:
        abort(404)
    result = request.args.get("result")
    if result is not None and result not in RESULTS:
        abort(404)
    wanted = _filter(row.query or "")
    return {
        "operation": row,
        "list": _list(wanted),
        "cause": error_groups.group(connection, wanted.error) if wanted and wanted.error else None,
        "narrowed": wanted.query(error=None) if wanted else "",
        "items": queries.items(connection, operation_id, number(request.args.get("after")) or 0, result),
        "result": result,
        "results": RESULTS,
        "takes": may_take(row.verb) if row.undo_of is None else (),
        "paces": core.PACES if row.verb in pace.RUN else (),
        "chosen": pace.chosen(row.verb, row.matched),
        "canary": pace.outcomes(connection, row) if row.phase in ("canary", "watching", "halted") else [],
        "now_in": _now_in(connection, row),
        "waiting": _waiting(connection, row),
        "most_now": queries.MOST_NOW,
        "undos": queries.undos(connection, operation_id),
        "may": g.user.may("operator"),
        "unattended": row.state in ("asked", "started") and not queries.scheduler_lives(connection),
    }


def _list(wanted: TicketFilter | None) -> str:
    """The address of the list that a filter means."""
    canonical = wanted.query() if wanted else ""
    return url_for("tickets") + (f"?{canonical}" if canonical else "")


def _filter(query: str) -> TicketFilter | None:
    """None for one that a later version wrote."""
    try:
        return TicketFilter.parse(query)
    except FilterError:
        return None


def _ids(given: list[str]) -> list[int]:
    found = [number(text) for text in given]
    if None in found:
        raise Refused(gettext("A selected ticket has no number: load the list again."), "argument")
    return [number for number in found if number is not None]


def number(given: str | None) -> int | None:
    if not given or not (given.isascii() and given.isdigit()) or int(given) > MAX_ID:
        return None
    return int(given)
