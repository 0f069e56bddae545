"""Who may: the route table enforced before every view, and unsafe requests from elsewhere refused.

The order: the person, then the route's role, then where the request comes from, then (Flask-WTF) the token.
"""

import time
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from flask import Flask, abort, current_app, g, jsonify, redirect, request, session, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from . import sessions
from .database import db
from .digest import digest
from .htmx import htmx
from .own_paths import own_path
from .record import record
from .roles import PUBLIC
from .sessions import SignedIn

SAFE = ("GET", "HEAD", "OPTIONS")
STATUS_PAGE = "overview"
CACHED_SECONDS = 60
_seen: dict[str, tuple[float, SignedIn]] = {}


class CrossSite(Forbidden):
    """An unsafe request that another site's page, or none of ours, sent."""


def install(app: Flask) -> None:
    """Enforce the route table of the app."""
    app.before_request(_enforce)


def _enforce() -> Response | None:
    g.user = None
    endpoint = request.endpoint
    if endpoint in ("static", "healthz"):
        return None
    if "\x00" in request.path or any("\x00" in value for value in request.values.values()):
        abort(400)  # PostgreSQL's text has no such character: refused here, for every page
    route = current_app.extensions["counterfoil_routes"].get(endpoint)
    g.user = _person(endpoint)
    if endpoint is None:
        return None  # 404 and 405 are answered by their pages
    if route is None:
        abort(404)  # closed by default; a test finds it first
    if route.role != PUBLIC:
        if g.user is None:
            return _sign_in_first()
        if not g.user.may(route.role):
            denied(f"needs the role {route.role}")
            raise Forbidden(f"role:{route.role}")
    if request.method not in SAFE and not _from_here():
        denied("sent by another site")
        raise CrossSite()
    return None


def denied(why: str) -> None:
    """Record that the signed-in person of this request was refused; nothing for strangers."""
    if g.user is None:
        return
    try:
        record(
            db.session.connection(), g.user.actor, "denied", f"{request.method} {request.path}", refused=why
        )
        db.session.commit()
    except SQLAlchemyError:
        db.session.rollback()
        current_app.logger.exception("a denied attempt of %s could not be recorded", g.user.name)


def _person(endpoint: str | None) -> SignedIn | None:
    key = digest(request.cookies.get(sessions.COOKIE, ""))
    try:
        found = sessions.find()
    except SQLAlchemyError:
        db.session.rollback()
        cached = _seen.get(key)
        if endpoint == STATUS_PAGE and cached and cached[0] > time.monotonic() - CACHED_SECONDS:
            return replace(cached[1], counts=None)
        raise
    if found is None:
        _seen.pop(key, None)
    else:
        if len(_seen) > 1000:
            _seen.clear()
        _seen[key] = (time.monotonic(), found)
    return found


def _sign_in_first() -> Response:
    """Nothing is told but that one has to sign in: not even whether the thing exists."""
    session.pop("_flashes", None)
    wanted = own_path(request.full_path.rstrip("?")) if request.method in SAFE and not htmx else "/"
    there = url_for("sign_in") + ("?" + urlencode({"next": wanted}) if wanted != "/" else "")
    if htmx:
        return Response(status=401, headers={"HX-Redirect": there})
    if request.path.endswith(".json") or request.accept_mimetypes.best == "application/json":
        answer = jsonify(error="sign in first")
        answer.status_code = 401
        return answer
    if request.accept_mimetypes.best == "text/event-stream":
        return Response(status=401)
    return redirect(there, 303)


def _from_here() -> bool:
    """Fetch metadata and Origin, where the browser sends them; a client without either shows the token."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    own = {f"{request.scheme}://{request.host}"}
    if configured := current_app.config["COUNTERFOIL"].url:
        parts = urlsplit(configured)
        own.add(f"{parts.scheme}://{parts.netloc}")
    return origin in own
