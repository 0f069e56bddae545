"""Error pages (S25): what happened and what to do, never a trace; an error id in the page and in the log."""

import secrets

from flask import Flask, current_app, g, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, RequestEntityTooLarge, SecurityError
from werkzeug.wrappers import Response

from .database import db
from .guard import CrossSite, denied
from .htmx import htmx
from .strings import gettext


def install(app: Flask) -> None:
    """Answer every error of the app."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(Exception, _unforeseen)


def _http(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error.response, Response):
        return error.response
    if isinstance(error, CSRFError):
        denied("the form's token is missing or not this session's")
    if isinstance(error, SecurityError):
        # No address of ours may be written for a host that is not ours: plain text.
        return Response("\n\n".join(_words(error, code)) + "\n", code, mimetype="text/plain")
    answer = _page(code, *_words(error, code))
    # Allow, Retry-After and the like; the type and length are our page's.
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def _words(error: HTTPException, code: int) -> tuple[str, str]:
    if isinstance(error, CSRFError):
        if current_app.config["SESSION_COOKIE_SECURE"] and not request.is_secure:
            return gettext("Open the console by https"), gettext(
                "This is production: its cookies are sent over https only. Behind a proxy that speaks it, "
                "set COUNTERFOIL_PROXIES."
            )
        return gettext("This form is out of date"), gettext(
            "You signed in or out since the page was made. Go back, load it again and repeat what you did."
        )
    if isinstance(error, CrossSite):
        return gettext("Sent by another site"), gettext(
            "Changes are accepted from this console's own pages only. Behind a proxy, set COUNTERFOIL_URL to "
            "the address that people use."
        )
    if isinstance(error, SecurityError):
        return gettext("Unknown host name"), gettext(
            "The console does not answer to the host name in the address. Add it to "
            "COUNTERFOIL_TRUSTED_HOSTS."
        )
    if isinstance(error, Forbidden):
        _, _, role = (error.description or "").partition("role:")
        return gettext("Not with your role"), (
            gettext("This needs the role %(role)s. Ask an administrator.", role=role) if role else ""
        )
    if isinstance(error, RequestEntityTooLarge):
        return gettext("Too large"), gettext("What was sent is larger than the console takes.")
    known = {
        400: (gettext("Not understood"), gettext("The request makes no sense to the console.")),
        404: (gettext("Not found"), _missing(error)),
        405: (gettext("Not that way"), gettext("This address does not take such a request.")),
        410: (gettext("Gone"), gettext("It was here, and was purged.")),
        429: (gettext("Too many attempts"), gettext("Wait a quarter of an hour, then try again.")),
    }
    return known.get(code, (error.name, ""))


def _missing(error: HTTPException) -> str:
    """The page's own words where it has some: what is not there, and why."""
    if error.description and error.description != NotFound.description:
        return error.description
    return gettext("There is nothing at this address.")


def _database(error: SQLAlchemyError) -> Response:
    db.session.rollback()
    away = isinstance(error, PoolTimeout) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or _is_away(error))
    )
    if not away:
        return _unforeseen(error)
    id_ = _logged("the database does not answer", error)
    answer = _page(
        503,
        gettext("The database does not answer"),
        gettext("Tickets are safe in it; this page comes back when it does. Try again in a moment."),
        id_,
    )
    answer.headers["Retry-After"] = "5"
    return answer


def _is_away(error: DBAPIError) -> bool:
    said = str(error.orig).lower()
    return type(error).__name__ == "OperationalError" and any(
        word in said for word in ("connect", "locked", "unable to open", "timeout", "terminat", "starting up")
    )


def _unforeseen(error: Exception) -> Response:
    id_ = _logged("a page failed", error)
    return _page(
        500,
        gettext("Something went wrong"),
        gettext(
            "This is a fault of the console, not of your tickets. The log has the details under this id."
        ),
        id_,
    )


def _logged(what: str, error: Exception) -> str:
    id_ = secrets.token_hex(6)
    # The rule and not the path: a path may hold a one-time link.
    current_app.logger.error(
        "%s: %s %s, error id %s", what, request.method, request.url_rule, id_, exc_info=error
    )
    return id_


def _page(code: int, title: str, text: str, error_id: str | None = None) -> Response:
    if request.path.endswith(".json") or request.path.startswith("/api/"):
        answer = jsonify(error=title, message=text, error_id=error_id)
        answer.status_code = code
        return answer
    g.setdefault("user", None)
    template = "errors_http/fragment.html" if htmx.wants_fragment else "errors_http/page.html"
    return current_app.make_response(
        (render_template(template, code=code, title=title, text=text, error_id=error_id), code)
    )
