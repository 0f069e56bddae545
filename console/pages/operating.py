"""What a person does to an operation: start, go on, stop, undo; 409 when it is not as the page saw it."""

from collections.abc import Callable
from typing import Any

from flask import abort, g, request, url_for
from sqlalchemy import Connection

from counterfoil import operations as core
from counterfoil.acts import Refused
from counterfoil.keyset import MAX_ID

from ..answers import go, moved_on, toast
from ..database import db
from ..refusals import Shown, try_change
from ..strings import gettext
from .operations import context, number


def start(operation_id: int) -> Any:
    """POST: fields `reason`, `expected` (the number the person saw), `pace` (all or canary)."""
    form = request.form
    told = (form.get("reason"), number(form.get("expected")) or 0, form.get("pace"))
    return _change(
        operation_id,
        lambda connection: core.start(connection, operation_id, g.user.actor, *told),
        gettext("Started."),
        undo=url_for("operations.undo", operation_id=operation_id),
    )


def go_on(operation_id: int) -> Any:
    """POST: fields `reason` (against the canary's verdict), `pace` (all: without a bound)."""
    at_once = request.form.get("pace") == "all"
    reason = request.form.get("reason")
    return _change(
        operation_id,
        lambda connection: core.go_on(connection, operation_id, g.user.actor, reason, at_once),
        gettext("It goes on, all at once.") if at_once else gettext("It goes on, at its pace."),
    )


def undo(operation_id: int) -> Any:
    """POST: field `reason`; leads to the operation that takes the other one back."""
    if operation_id > MAX_ID:
        abort(404)
    try:
        made = core.undo(db.session.connection(), operation_id, g.user.actor, request.form.get("reason"))
    except Refused as refused:  # there is no field to mend, whatever the code
        db.session.rollback()
        return moved_on("operations/page.html", str(refused), **context(operation_id))
    db.session.commit()
    toast(gettext("It is being taken back: what has not moved since goes to what it was."))
    return go(url_for("operations.one", operation_id=made))


def stop(operation_id: int) -> Any:
    """POST: no further ticket."""
    return _change(
        operation_id,
        lambda connection: core.stop(connection, operation_id, g.user.actor),
        gettext("Stopped: no further ticket is taken."),
    )


def _change(
    operation_id: int,
    change: Callable[[Connection], Any],
    told: str,
    undo: str | None = None,
) -> Any:
    if operation_id > MAX_ID:
        abort(404)
    shown = Shown("operations/page.html", lambda: context(operation_id), "operations/body.html")
    there = url_for("operations.one", operation_id=operation_id)
    return try_change(change, told, shown, lambda: there, undo=undo)
