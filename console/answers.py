"""What views answer with: page or fragment, toasts, and the refusals that carry a fresh fragment."""

from typing import Any

from flask import Flask, Response, flash, get_flashed_messages, make_response, render_template
from flask import redirect as flask_redirect
from werkzeug.wrappers import Response as BaseResponse

from .htmx import htmx
from .own_paths import own_path


def page(template: str, *, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """The whole page; the fragment's own file when htmx asked for a part of it and there is one."""
    chosen = fragment if fragment and htmx.wants_fragment else template
    return make_response(render_template(chosen, **context), status)


def toast(message: str, tone: str = "ok", *, undo: str | None = None) -> None:
    """Tell the person what happened; tone ok, warn or error. `undo` is a path to POST to.

    Shown on the next page, or beside the fragment when htmx asked.
    """
    flash({"text": message, "undo": undo}, tone)  # type: ignore[arg-type]  # JSON, whatever its shape


def go(path: str | None, otherwise: str = "/") -> BaseResponse:
    """After a POST: 303 to one of our own paths. htmx follows it by itself."""
    return flask_redirect(own_path(path, otherwise), 303)


def moved_on(template: str, message: str, **context: Any) -> Response:
    """409: the thing has changed since the person saw it; the answer holds how it is now."""
    toast(message, "warn")
    return make_response(render_template(template, **context), 409)


def gone(template: str, **context: Any) -> Response:
    """410: it was purged; the page tells what the trail still knows."""
    return make_response(render_template(template, **context), 410)


def unfit(template: str, *, fragment: str | None = None, **context: Any) -> Response:
    """422: a form whose fields do not fit; the answer is the form with the fields' complaints."""
    return page(template, fragment=fragment, status=422, **context)


def install(app: Flask) -> None:
    """Append waiting toasts to fragments, out of band."""
    app.after_request(_append_toasts)


def _append_toasts(response: Response) -> Response:
    if not htmx.wants_fragment or response.is_streamed or response.mimetype != "text/html":
        return response
    if (
        response.status_code in (204, 304)
        or 300 <= response.status_code < 400
        or "HX-Redirect" in response.headers
    ):
        return response
    if get_flashed_messages():
        response.set_data(response.get_data(as_text=True) + render_template("layout/toasts_oob.html"))
    return response
