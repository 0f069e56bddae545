"""The console as a WSGI application."""

import logging
from datetime import timedelta
from typing import Any

from flask import Flask, g, session
from flask_babel import Babel
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from counterfoil import keyring
from counterfoil.settings import Settings, read_settings

from . import (
    addresses,
    answers,
    assets,
    changes,
    compressed,
    drawn,
    errors,
    failure_words,
    guard,
    headers,
    hosts,
    layout,
    limits,
    live,
    operation_words,
    routes,
    strings,
    ticket_rows,
    ticket_words,
    timeline,
    times,
    words,
)
from .database import bind
from .form_cookie import FormCookie
from .htmx import htmx
from .pages import wait
from .places import folder
from .secret import signing_key
from .start_checks import is_production

LARGEST_BODY = 256 * 1024  # no form of ours is larger; a body of names alone parses into 100,000 fields
MOST_FORM_PARTS = 1000


def create_console(settings: Settings | None = None, **overrides: Any) -> Flask:
    """The console on the settings given, else on the environment's; overrides are settings by name.

    Raises SettingsError. Does not reach for the database or Redis: it starts while they are away.
    """
    if settings is None:
        settings = read_settings(**overrides)
    elif overrides:
        settings = settings.model_copy(update=overrides)
    if settings.encryption_keys is not None:
        keyring.adopt(settings.keyring())  # for revealing only
    app = Flask("console", template_folder=str(folder("templates")), static_folder=str(folder("static")))
    app.config.update(_config(settings))
    app.session_interface = FormCookie()
    app.logger.setLevel(logging.INFO)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.proxies:
        n = settings.proxies
        proxied = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n, x_prefix=n)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    bind(app, settings.database_url)
    Babel(app, locale_selector=lambda: "en", timezone_selector=_zone)
    htmx.init_app(app)
    routes.install(app)
    guard.install(app)  # before the token is checked: a stranger is told to sign in, not that a form is stale
    CSRFProtect(app)
    for part in (
        addresses, headers, compressed, answers, errors, assets, times, limits, strings, words, drawn, layout,
        ticket_words, ticket_rows, failure_words, operation_words, changes, live, wait, timeline,
    ):  # fmt: skip
        part.install(app)
    return app


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "COUNTERFOIL": settings,
        "SECRET_KEY": signing_key(settings),
        "SESSION_COOKIE_NAME": "counterfoil_form",  # CSRF token and toasts; the rest: sessions.py
        "SESSION_COOKIE_SECURE": is_production(settings) or (settings.url or "").startswith("https:"),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a page open over night still works
        "WTF_CSRF_SSL_STRICT": False,  # the guard compares Origin, which is sent where Referer is not
        "MAX_CONTENT_LENGTH": LARGEST_BODY,
        "MAX_FORM_MEMORY_SIZE": LARGEST_BODY,
        "MAX_FORM_PARTS": MOST_FORM_PARTS,
        "TRUSTED_HOSTS": hosts.trusted(settings),
        "BABEL_DEFAULT_LOCALE": "en",
    }


def _zone() -> str:
    user = g.get("user")
    zone = (user.preferences.get("zone") if user else None) or session.get("zone")
    return str(zone or "UTC")
