"""What every page shows around its content: environment, navigation, the person, how many are errored."""

import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, request, url_for
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from counterfoil.tables import Sample

from .assets import static
from .database import db
from .strings import gettext

THEMES = ("system", "light", "dark")
TONES = 5


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
    def here(self) -> bool:
        """Whether the page shown belongs to it."""
        shown = request.endpoint or ""
        return shown == self.endpoint or shown.startswith(self.endpoint + ".")


def install(app: Flask) -> None:
    """Give the layout's templates what they show."""
    app.context_processor(_context)


def errored_now() -> int | None:
    """How many are errored and not acknowledged by the latest sample; None without one or a database."""
    if "errored" not in g:
        try:
            latest = select(Sample.counts).order_by(Sample.id.desc()).limit(1)
            counts = db.session.execute(latest).scalar_one_or_none()
        except SQLAlchemyError:
            db.session.rollback()
            counts = None
        tell_errored(counts)
    count: int | None = g.errored
    return count


def tell_errored(counts: dict[str, Any] | None) -> None:
    """The page has read the latest sample's counts already."""
    g.errored = (counts or {}).get("alarm", (counts or {}).get("errored")) if g.get("user") else None


def _context() -> dict[str, Any]:
    settings = current_app.config["COUNTERFOIL"]
    return {
        "environment": settings.environment,
        "environment_tone": environment_tone(settings.environment),
        "theme": theme(),
        "shortcuts": shortcuts(),
        "themes": THEMES,
        "places": places,
        "key_words": key_words,
        "place_url": place_url,
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
        ("r", gettext("retry the row, or what is selected")),
        ("e f", gettext("expire, fail: asks for the reason first")),
        ("u", gettext("undo what was just done")),
        ("?", gettext("this help")),
        *((f"g {place.key}", place.label) for place in places() if place.key),
    ]


def this_page() -> str:
    """The address of the page that is shown, also while only a part of it is asked for."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "part"]
    return request.path + ("?" + urlencode(kept) if kept else "")


def place_url(place: Place) -> str:
    """Its address."""
    return url_for(place.endpoint)
