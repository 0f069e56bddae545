"""The waiting page, public by its token; the same that a host may mount (`counterfoil.waiting_pages`)."""

from flask import Flask, Response, current_app, request

from counterfoil.waiting_pages import Answer, WaitingPages

from ..database import db, give_back
from ..htmx import htmx
from ..stopping import STOP
from ..strings import gettext


def install(app: Flask) -> None:
    """One set of pages for the app: its streams are bounded together."""
    with app.app_context():
        engine = db.engine
    app.extensions["counterfoil_waiting"] = WaitingPages(engine.connect, stop=STOP)


def page(token: str) -> Response:
    """GET /wait/<token>: the page, or its fragment for htmx."""
    return _response(token, "fragment" if htmx.wants_fragment else "page")


def as_json(token: str) -> Response:
    """GET /wait/<token>.json."""
    return _response(token, "json")


def live(token: str) -> Response:
    """GET /wait/<token>/live: server-sent events until there is nothing to wait for."""
    return _response(token, "live")


def _response(token: str, form: str) -> Response:
    pages: WaitingPages = current_app.extensions["counterfoil_waiting"]
    pages.texts = _texts()
    give_back()  # a stream holds a thread, and no connection
    answer: Answer = pages.answer(token, form, request.args, f"{request.script_root}/wait")
    made = Response(answer.body, answer.status)
    for name, value in answer.headers:
        if name != "Content-Security-Policy":  # the console's own is stricter
            made.headers[name] = value
    return made


def _texts() -> dict[str, str]:
    return {
        "waiting": gettext("It waits for its turn."),
        "running": gettext("It is being done."),
        "done": gettext("Done."),
        "errored": gettext("Something went wrong. The people in charge see it."),
        "withdrawn": gettext("It was withdrawn: it is no longer needed."),
        "failed": gettext("It could not be done."),
        "not ordered": gettext("Nothing was ordered here."),
        "gone": gettext("It was finished some time ago; its receipt is no longer kept."),
        "too long": gettext(
            "It takes longer than usual. You need not wait here: it goes on, and you may look again."
        ),
    }
