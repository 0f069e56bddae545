"""What leaves soon, in two lists that are never mixed: what will not run, and receipts that are purged."""

from typing import Any

from flask import current_app, g, request, url_for
from werkzeug.wrappers import Response

from counterfoil import leftovers
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.tabs import WINDOWS

from ..answers import unfit
from ..database import db
from ..live_page import live_page
from ..queries import counts
from ..queries.leaving import clean, clean_number
from ..queries.tickets import page as read_page

MOST_BESIDES = 1000
"""How far what leaves besides tickets is counted."""


def expiring() -> Response:
    """Both lists within the window of the address (1h, 24h, 7d); the first page of each."""
    connection = db.session.connection()
    now = g.user.now
    try:
        asked = TicketFilter.parse(request.args.items(multi=True), besides=("clean", "part"))
    except FilterError as complaint:
        return unfit("tickets/unfit.html", complaint=str(complaint), search=None)
    lists: dict[str, Any] = {}
    for tab in ("expiring", "leaving"):
        wanted = TicketFilter(tab=tab, window=asked.window)
        found = read_page(connection, wanted, None, now)
        number = counts.of_page(found) or counts.number(connection, wanted, now, found.look)
        lists[tab] = {"wanted": wanted, "found": found, "number": number}
    until = now + WINDOWS[asked.window]
    return live_page(
        "expiring/page.html",
        "expiring/body.html",
        lists=lists,
        now=now,
        window=asked.window,
        windows=WINDOWS,
        clean_number=clean_number(connection, until),
        clean=clean(connection, until) if request.args.get("clean") else None,
        besides=leftovers.leaving(
            connection, current_app.config["COUNTERFOIL"], WINDOWS[asked.window].total_seconds(), MOST_BESIDES
        ),
        most=MOST_BESIDES,
        may=g.user.may("operator"),
        here=url_for("expiring", window=asked.window),
        body_url=url_for("expiring", window=asked.window, clean=request.args.get("clean"), part="body"),
    )
