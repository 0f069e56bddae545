"""What leaves soon, in two lists that are never mixed: what will not run, and receipts that are purged."""

from datetime import datetime
from typing import Any

from flask import current_app, g, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from counterfoil import leftovers
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.tabs import WINDOWS

from ..answers import page, unfit
from ..database import db
from ..live_page import live_page
from ..queries import counts
from ..queries.leaving import clean, clean_number
from ..queries.tickets import page as read_page

LISTS = ("expiring", "leaving")
DAY = "24h"
MOST_BESIDES = 1000
"""How far what leaves besides tickets is counted."""


def expiring() -> Response:
    """Both lists within the window of the address (1h, 24h, 7d); the first page of each.

    `part=clean` is what leaves without trouble: a page asks for it once it is shown.
    """
    connection = db.session.connection()
    now = g.user.now
    try:
        asked = TicketFilter.parse(request.args.items(multi=True), besides=("clean", "part"))
    except FilterError as complaint:
        return unfit("tickets/unfit.html", complaint=str(complaint), search=None)
    shown = {
        "now": now,
        "window": asked.window,
        "windows": WINDOWS,
        "may": g.user.may("operator"),
        "here": url_for("expiring", window=asked.window),
        "clean_url": url_for("expiring", window=asked.window, clean=request.args.get("clean"), part="clean"),
        "body_url": url_for("expiring", window=asked.window, part="body"),
        "besides": None,
    }
    if request.args.get("part") == "clean":
        return page("expiring/clean.html", **shown | _besides(connection, asked.window, now))
    if request.args.get("clean"):
        shown |= _besides(connection, asked.window, now)
    lists = {tab: _list(connection, TicketFilter(tab=tab, window=asked.window), now) for tab in LISTS}
    return live_page("expiring/page.html", "expiring/body.html", lists=lists, **shown)


def _list(connection: Connection, wanted: TicketFilter, now: datetime) -> dict[str, Any]:
    found = read_page(connection, wanted, None, now)
    number = counts.of_page(found) or _sampled(wanted, now) or _counted(connection, wanted, now)
    return {"wanted": wanted, "found": found, "number": number}


def _counted(connection: Connection, wanted: TicketFilter, now: datetime) -> counts.Number:
    return counts.number(connection, wanted, now, rows=counts.MOST)


def _sampled(wanted: TicketFilter, now: datetime) -> counts.Number | None:
    """The latest snapshot's number of a list, which it has for a day; None where it is old or has none."""
    known, at = g.user.counts or {}, g.user.sampled_at
    if wanted.window != DAY or not {"expiring", "leaving"} <= known.keys() or now - at > counts.STALE:
        return None
    leaving = int(known["leaving"])
    return counts.Number(leaving if wanted.tab == "leaving" else int(known["expiring"]) - leaving)


def _besides(connection: Connection, window: str, now: datetime) -> dict[str, Any]:
    """What leaves without trouble, and what else the purge takes."""
    until, settings = now + WINDOWS[window], current_app.config["COUNTERFOIL"]
    ahead = WINDOWS[window].total_seconds()
    return {
        "clean_number": clean_number(connection, until),
        "clean": clean(connection, until) if request.args.get("clean") else None,
        "besides": leftovers.leaving(connection, settings, ahead, MOST_BESIDES),
        "most": MOST_BESIDES,
    }
