"""What every page shows around its content: environment, navigation, the person, how many are errored."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, g, request, url_for
from markupsafe import Markup

from .assets import static
from .said_fields import said_fields
from .strings import gettext, translations

THEMES = ("system", "light", "dark")
TONES = 5
KEPT = 500
"""Navigations kept: they differ by the page and by how many are errored."""


@dataclass(frozen=True)
class Place:
    """An entry of the navigation; `badge` is a number worth a look, or None."""

    endpoint: str
    label: str
    icon: str
    badge: int | None = None
    key: str = ""  # after g on the keyboard
    bar: str = ""  # "phone": always in the bar; "desk": where it is wide; the others stand behind "More"

    @property
    def url(self) -> str:
        """Its address."""
        return url_for(self.endpoint)

    @property
    def here(self) -> bool:
        """Whether the page shown belongs to it."""
        shown = request.endpoint or ""
        return shown == self.endpoint or shown.startswith(self.endpoint + ".")


def install(app: Flask) -> None:
    """Give the layout's templates what they show; what hardly differs from page to page is made once."""

    @lru_cache(KEPT)
    def navigation(root: str, endpoint: str | None, badge: int | None, language: Any) -> Markup:
        made: Markup = parts.navigation(places())
        return made

    @lru_cache(KEPT)
    def keys(language: Any) -> Markup:
        made: Markup = parts.keys(key_words())
        return made

    app.jinja_env.globals["navigation"] = lambda: navigation(
        request.script_root, request.endpoint, errored_now(), translations()
    )
    app.jinja_env.globals["keys"] = lambda: keys(translations())
    app.context_processor(_context)
    parts: Any = app.jinja_env.get_template("layout/navigation.html").module


def errored_now() -> int | None:
    """How many are errored and not acknowledged by the latest sample; None without one or a database."""
    user = g.get("user")
    counts: dict[str, int] = (user.counts if user else None) or {}
    return counts.get("alarm", counts.get("errored"))


def _context() -> dict[str, Any]:
    settings = current_app.config["COUNTERFOIL"]
    return {
        "environment": settings.environment,
        "environment_tone": environment_tone(settings.environment),
        "theme": theme(),
        "shortcuts": shortcuts(),
        "themes": THEMES,
        "this_page": this_page,
        "favicon": favicon,
        "errored_now": errored_now,
    }


def theme() -> str:
    """light, dark or system: the person's own choice, else the browser's cookie, else the system's."""
    user = g.get("user")
    wanted = (user.preferences.get("theme") if user else None) or request.cookies.get("theme")
    return wanted if wanted in THEMES else "system"


def shortcuts() -> bool:
    """Whether the keyboard's shortcuts are on; a person may switch them off (WCAG 2.1.4)."""
    user = g.get("user")
    return bool(user and user.preferences.get("shortcuts") != "off")


def environment_tone(name: str) -> str:
    """Production is red, everywhere; what is known has its colour, others one of their own by name."""
    known = {
        "production": "danger",
        "prod": "danger",
        "live": "danger",
        "staging": "warn",
        "development": "calm",
    }
    return known.get(name.lower()) or f"own-{zlib.crc32(name.lower().encode()) % TONES + 1}"


def favicon(errored: int | None) -> str:
    """The tab's icon: red with errored tickets, else calm."""
    return static("favicon-errored.svg" if errored else "favicon.svg")


def places() -> list[Place]:
    """The navigation of the pages that exist."""
    all_places = [
        Place("overview", gettext("Overview"), "activity", key="o", bar="phone"),
        Place("tickets", gettext("Tickets"), "list", errored_now(), key="t", bar="phone"),
        Place("errors", gettext("Errors"), "alert-triangle", key="e", bar="phone"),
        Place("expiring", gettext("Expiring"), "clock", key="x", bar="desk"),
        Place("operations", gettext("Operations"), "layers", key="p", bar="phone"),
        Place("queues", gettext("Queues"), "inbox", key="q", bar="desk"),
        Place("view_models", gettext("View models"), "settings", key="v"),
        Place("batches", gettext("Batches"), "archive", key="b", bar="desk"),
        Place("schedules", gettext("Schedules"), "refresh-cw", key="s"),
        Place("trail", gettext("Trail"), "history", key="r", bar="desk"),
        Place("workers", gettext("Workers"), "server", key="w"),
    ]
    return [place for place in all_places if place.endpoint in current_app.view_functions]


def key_words() -> list[tuple[str, str]]:
    """The keyboard's shortcuts: keys and what they do."""
    return [
        ("/", gettext("search")),
        ("j k", gettext("next row, previous row")),
        ("x", gettext("select the row")),
        ("r", gettext("press the row's button (retry; run now where it waits), or retry what is selected")),
        ("e f", gettext("expire, fail: asks for the reason first")),
        ("u", gettext("undo what was just done")),
        ("?", gettext("this help")),
        *((f"g {place.key}", place.label) for place in places() if place.key),
    ]


def this_page() -> str:
    """The address of the page that is shown, also while only a part of it is asked for."""
    return request.path + said_fields(but="part")
