"""What a person does to an operation: start, go on, stop, undo; 409 when it is not as the page saw it."""

from typing import Any

from flask import abort, g, request, url_for

from counterfoil import operations as core
from counterfoil.acts import Refused
from counterfoil.keyset import MAX_ID

from ..answers import go, moved_on, toast, unfit
from ..database import db
from ..strings import gettext
from .operations import context, number


def start(operation_id: int) -> Any:
    """POST: fields `reason`, `expected` (the number the person saw), `pace` (all or canary)."""
    form = request.form
    told = (form.get("reason"), number(form.get("expected")) or 0, form.get("pace"))
    return _change(
        operation_id,
        lambda: core.start(db.session.connection(), operation_id, g.user.actor, *told),
        gettext("Started."),
        undo=url_for("operations.undo", operation_id=operation_id),
    )


def go_on(operation_id: int) -> Any:
    """POST: fields `reason` (against the canary's verdict), `pace` (all: without a bound)."""
    at_once = request.form.get("pace") == "all"
    reason = request.form.get("reason")
    return _change(
        operation_id,
        lambda: core.go_on(db.session.connection(), operation_id, g.user.actor, reason, at_once),
        gettext("It goes on, all at once.") if at_once else gettext("It goes on, at its pace."),
    )


def undo(operation_id: int) -> Any:
    """POST: field `reason`; leads to the operation that takes the other one back."""
    if operation_id > MAX_ID:
        abort(404)
    try:
        made = core.undo(db.session.connection(), operation_id, g.user.actor, request.form.get("reason"))
    except Refused as refused:
        db.session.rollback()
        return moved_on("operations/page.html", str(refused), **context(operation_id))
    db.session.commit()
    toast(gettext("It is being taken back: what has not moved since goes to what it was."))
    return go(url_for("operations.one", operation_id=made))


def stop(operation_id: int) -> Any:
    """POST: no further ticket."""
    return _change(
        operation_id,
        lambda: core.stop(db.session.connection(), operation_id, g.user.actor),
        gettext("Stopped: no further ticket is taken."),
    )


def _change(operation_id: int, change: Any, told: str, undo: str | None = None) -> Any:
    if operation_id > MAX_ID:
        abort(404)
    try:
        change()
    except Refused as refused:
        db.session.rollback()
        shown = context(operation_id)
        if refused.code == "argument":
            toast(str(refused), "error")
            return unfit("operations/page.html", fragment="operations/body.html", **shown)
        return moved_on("operations/page.html", str(refused), **shown)
    db.session.commit()
    toast(told, undo=undo)
    return go(url_for("operations.one", operation_id=operation_id))
