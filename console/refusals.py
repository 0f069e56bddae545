"""A change that may be refused: tried, then committed and told, or answered with how the thing is now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import abort
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil.acts import Refused

from .answers import go, moved_on, toast, unfit
from .database import db


@dataclass(frozen=True)
class Shown:
    """The page of the thing that is changed; `context` reads it anew, `fragment` is what htmx shows of it."""

    template: str
    context: Callable[[], dict[str, Any]]
    fragment: str | None = None


def try_change(
    change: Callable[[Connection], Any],
    told: str,
    shown: Shown,
    there: Callable[[], str | None],
    *,
    otherwise: str = "/",
    undo: str | None = None,
) -> Response:
    """Change it, commit, say `told` (with a button to `undo`) and lead `there`, asked for after the commit.

    Refused, nothing is changed: 404 for what is gone, 422 for a field that does not fit, 409 for what has
    moved on, with the page as it is now.
    """
    try:
        change(db.session.connection())
    except Refused as refused:
        db.session.rollback()
        if refused.code == "gone":
            abort(404)
        if refused.code == "argument":
            toast(refused.reason, "error")
            return unfit(shown.template, fragment=shown.fragment, **shown.context())
        return moved_on(shown.template, refused.reason, **shown.context())
    db.session.commit()
    toast(told, undo=undo)
    return go(there(), otherwise)
