"""Bulk acts as a person meets them: asked, previewed, started with a reason, watched, stopped."""

from typing import Any

from flask import abort, g, render_template, request, url_for
from werkzeug.wrappers import Response

from counterfoil import operations as core
from counterfoil.acts import Refused
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.frozen_set import may_take
from counterfoil.keyset import MAX_ID

from .. import etags
from ..answers import go, moved_on, page, toast, unfit
from ..database import db
from ..queries import operations as queries
from ..strings import gettext

RESULTS = ("changed", "skipped", "failed")


def operations() -> Response:
    """The newest first."""
    before = _number(request.args.get("before"))
    rows = queries.recent(db.session.connection(), before)
    more = rows[queries.SIZE - 1].id if len(rows) > queries.SIZE else None
    return page("operations/index.html", rows=rows[: queries.SIZE], more=more)


def one(operation_id: int) -> Response:
    """Preview, progress, result per ticket."""
    context = _context(operation_id)
    if request.args.get("part") == "body":
        body = render_template("operations/body.html", **context)
        return etags.conditional(lambda: body, body)
    return page("operations/page.html", fragment="operations/body.html", **context)


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
        return unfit("operations/unfit.html", complaint=str(refused), back=_list(form.get("query", "")))
    db.session.commit()
    return go(url_for("operations.one", operation_id=made))


def start(operation_id: int) -> Any:
    """POST: fields `reason`, `expected` (the number the person saw)."""
    expected = _number(request.form.get("expected")) or 0
    return _change(
        operation_id,
        lambda: core.start(
            db.session.connection(), operation_id, g.user.actor, request.form.get("reason"), expected
        ),
        gettext("Started."),
    )


def stop(operation_id: int) -> Any:
    """POST: no further ticket."""
    return _change(
        operation_id,
        lambda: core.stop(db.session.connection(), operation_id, g.user.actor),
        gettext("Stopped: no further ticket is taken."),
    )


def _change(operation_id: int, change: Any, told: str) -> Any:
    if operation_id > MAX_ID:
        abort(404)
    try:
        change()
    except Refused as refused:
        db.session.rollback()
        context = _context(operation_id)
        if refused.code == "argument":
            toast(str(refused), "error")
            return unfit("operations/page.html", fragment="operations/body.html", **context)
        return moved_on("operations/page.html", str(refused), **context)
    db.session.commit()
    toast(told)
    return go(url_for("operations.one", operation_id=operation_id))


def _context(operation_id: int) -> dict[str, Any]:
    connection = db.session.connection()
    row = queries.one(connection, operation_id) if operation_id <= MAX_ID else None
    if row is None:
        abort(404)
    result = request.args.get("result")
    if result is not None and result not in RESULTS:
        abort(404)
    return {
        "operation": row,
        "list": _list(row.query or ""),
        "items": queries.items(connection, operation_id, _number(request.args.get("after")) or 0, result),
        "result": result,
        "results": RESULTS,
        "takes": may_take(row.verb),
        "may": g.user.may("operator"),
        "unattended": row.state in ("asked", "started") and not queries.scheduler_lives(connection),
    }


def _list(query: str) -> str:
    """The address of the list that a filter means."""
    try:
        canonical = TicketFilter.parse(query).query()
    except FilterError:
        canonical = ""
    return url_for("tickets") + (f"?{canonical}" if canonical else "")


def _ids(given: list[str]) -> list[int]:
    found = [_number(text) for text in given]
    if None in found:
        raise Refused(gettext("A selected ticket has no number: load the list again."), "argument")
    return [number for number in found if number is not None]


def _number(given: str | None) -> int | None:
    if not given or not (given.isascii() and given.isdigit()) or int(given) > MAX_ID:
        return None
    return int(given)
