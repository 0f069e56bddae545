"""The address of a form that was sent, without the fields that say nothing."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from flask import redirect, request
from werkzeug.wrappers import Response

from .htmx import htmx


def said_fields(but: str = "") -> str:
    """This request's query string, "?" before it, without empty fields and `but`; "" when it has no other."""
    fields = request.args.items(multi=True)
    said = [(name, value) for name, value in fields if value.strip() and name != but]
    return "?" + urlencode(said) if said else ""


def without_empty_fields(view: Callable[[], Response]) -> Callable[[], Response]:
    """A view of a search's form, which sends all its fields: its address keeps those that say something.

    A browser is led there; what htmx asked for is answered at once and tells it what to put into the address.
    """

    @wraps(view)
    def answered() -> Response:
        if all(value.strip() for value in request.args.values()):
            return view()
        there = request.script_root + request.path + said_fields()
        if not htmx.wants_fragment:
            return redirect(there, 303)
        answer = view()
        answer.headers["HX-Push-Url"] = there
        return answer

    return answered
