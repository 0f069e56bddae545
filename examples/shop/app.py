"""The application: `create_app` makes it for the web process, and for workers and scheduler alike."""

from flask import Flask, Response, abort, request

from counterfoil import Counterfoil

from . import evening, pages  # noqa: F401 - evening declares a target and its schedule
from .db import create_tables, db
from .settings import settings
from .users import STAFF, current_user, hire_staff, who_asks


def create_app() -> Flask:
    """The shop, with its own tables made. Reads DATABASE_URL, COUNTERFOIL_URL and SHOP_*."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings().database_url
    db.init_app(app)
    tickets = Counterfoil(app, db, opened_by=who_asks)
    app.wsgi_app = tickets.waiting_at("/wait", app.wsgi_app)  # type: ignore[method-assign]
    with app.app_context():
        create_tables()
        hire_staff()
    app.register_blueprint(pages.shop)
    app.before_request(_refuse_other_sites)
    app.after_request(_headers)
    app.context_processor(_what_every_page_shows)
    return app


def _refuse_other_sites() -> None:
    # The shop has no sign-in and listens on this machine: no page of elsewhere may press its buttons.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method == "POST" and site not in ("same-origin", "none"):
        abort(403)


def _headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _what_every_page_shows() -> dict[str, object]:
    return {"console_url": settings().console_url, "staff": STAFF, "user": current_user()}
