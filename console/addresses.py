"""Addresses: in templates each built once, since a page asks some fifty times for the same few of our own
paths; and of a form that was sent, without the fields that are empty."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any
from urllib.parse import urlencode

from flask import Flask, redirect, request, url_for
from werkzeug.wrappers import Response

from .htmx import htmx

MOST_KEPT = 2_000


def install(app: Flask) -> None:
    """`url_for` in templates: Flask's, kept for what it is asked and the path that the console is under."""

    @lru_cache(MOST_KEPT, typed=True)
    def built(root: str, endpoint: str, *named: tuple[str, Any]) -> str:
        return url_for(endpoint, **dict(named))

    def address(endpoint: str, **values: Any) -> str:
        return built(request.script_root, endpoint, *values.items())

    app.jinja_env.globals["url_for"] = address


def said_fields() -> str:
    """The query string of this request, "?" before it, without empty fields; "" when it has no other."""
    said = [(name, value) for name, value in request.args.items(multi=True) if value.strip()]
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
