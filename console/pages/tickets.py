"""The list of tickets: tabs, search, facets, keyset pages; the whole view stands in the address."""

import secrets
from datetime import datetime
from typing import Any

from flask import g, render_template, request, url_for
from sqlalchemy import Connection, Row
from werkzeug.wrappers import Response

from counterfoil.filters import FilterError, SearchError, TicketFilter
from counterfoil.keyset import MAX_ID, CursorError
from counterfoil.search.grammar import MOST_CHARACTERS
from counterfoil.ticket import FINAL

from .. import etags, facets
from ..answers import page as answer
from ..answers import unfit
from ..database import db
from ..layout import errored_now
from ..queries import counts, known, searches
from ..queries.house import paused_work
from ..queries.tickets import SIZE, Page, by_ids
from ..queries.tickets import page as read_page
from ..queries.words import completions
from ..said_fields import said_fields, without_empty_fields
from ..tabs_shown import TABS_SHOWN, tab_addresses
from ..ticket_rows import changes_with, shown
from ..ticket_words import bulk_verbs
from ..undeclared import undeclared

NOT_THE_FILTERS = ("cursor", "ids", "number", "counted")
"""What else an address has: a place, the rows of a live page, whether to count before answering, and how far
it was counted."""
_WAITING = {"held", "pending", "errored"}


@without_empty_fields
def tickets() -> Response:
    """The page, or its list alone for htmx; 422 for a filter or cursor that makes no sense."""
    connection, now = db.session.connection(), g.user.now
    try:
        wanted = wanted_of(request.args)
        told = undeclared(connection, request.args.get("q", "").strip())
        found = read_page(connection, wanted, request.args.get("cursor"), now)
    except (FilterError, CursorError) as complaint:
        return unfit("tickets/unfit.html", fragment="tickets/complaint.html", **_told(complaint))
    template, body = "tickets/index.html", "tickets/list.html"
    return answer(template, fragment=body, undeclared=told, **context(connection, wanted, found, now))


def _told(complaint: FilterError | CursorError) -> dict[str, Any]:
    """What the complaint's templates show; of a search all that was typed, with what is wrong in it."""
    kept = [(name, value) for name, value in request.args.items() if name not in ("q", *NOT_THE_FILTERS)]
    marked = complaint if isinstance(complaint, SearchError) else None
    return {"complaint": str(complaint), "search": marked, "kept": kept}


def wanted_of(args: Any) -> TicketFilter:
    """The filter of an address. Raises FilterError."""
    pairs = list(args.items(multi=True))
    return facets.fold(TicketFilter.parse(pairs, besides=(*NOT_THE_FILTERS, *facets.NAMES)), pairs)


def context(connection: Connection, wanted: TicketFilter, found: Page, now: datetime) -> dict[str, Any]:
    """What the list's templates show."""
    numbers = _numbers(connection)
    offers = known.offers(connection, g.user.sampled_at, wanted.batch, wanted.error)
    number = matching(wanted, found, numbers)
    if number is None and request.args.get("number"):
        number = counts.number(connection, wanted, now, found.look)
    if number and _is_whole_tab(wanted):
        numbers.of[wanted.tab] = number
    return {
        "wanted": wanted,
        "found": found,
        "now": now,
        "numbers": numbers,
        "stale": counts.is_stale(numbers, now),
        "matching": number,
        "goes_on": _goes_on(wanted, number),
        "tabs": tab_addresses(wanted),
        "queues": offers.names.queues(wanted.queue),
        "view_models": offers.names.view_models(wanted.view),
        "more_facets": lambda: _more_facets(wanted, offers),
        "verbs": bulk_verbs(wanted.tab),
        "saved": searches.saved(connection, g.user.id),
        "may": g.user.may("operator"),
        "paused": _pauses(connection, wanted, found, now),
        "submit_token": secrets.token_urlsafe(24),
        "rows_url": _rows_url(wanted),
        "number_url": _number_url(wanted),
        "here": url_for("tickets") + said_fields(),
    }


def _pauses(connection: Connection, wanted: TicketFilter, found: Page, now: datetime) -> list[Row[Any]]:
    """Pauses that tickets of the page wait for, or would after a retry, and those of its filter."""
    if not _WAITING & set(wanted.on.states):
        return []
    waiting = [row for row in found.rows if row.state in _WAITING]
    names = {
        "queue": {wanted.queue, *(row.queue for row in waiting)} - {None},
        "view model": {wanted.view, *(row.view_model for row in waiting)} - {None},
    }
    if not any(names.values()):
        return []
    return [pause for pause in paused_work(connection, now) if pause.name in names.get(pause.sort, ())]


def _more_facets(wanted: TicketFilter, offers: known.Offers) -> dict[str, Any]:
    """What the menus behind "More filters" offer and say; the page asks for it, its list alone does not."""
    apart = facets.taken_apart(wanted)
    return {
        "rest": apart.rest,
        "chosen": apart.chosen,
        "any": bool(apart.chosen or wanted.error or wanted.batch),
        "errors": offers.causes,
        "classes": offers.names.root_classes(apart.chosen.get("class")),
        "batches": offers.batches,
        "ages": facets.choices("age"),
        "outcomes": facets.choices("outcome"),
    }


def rows() -> Any:
    """What a live page asks for again and again: the rows it shows (`ids`), numbers, how many are new.

    304 while nothing of it has changed; relative times are the page's own business. What no worker changes
    any more, with more new rows than are counted, is at rest: such a page asks less often.
    """
    connection, now = db.session.connection(), g.user.now
    try:
        wanted = wanted_of(request.args)
        found = read_page(connection, wanted, request.args.get("cursor"), now, bare=True)
        ids = shown_ids(request.args.get("ids", ""))
    except (FilterError, CursorError) as complaint:
        return unfit("tickets/complaint.html", **_told(complaint))
    fresh = [shown(row, now, gone=not row.matches) for row in by_ids(connection, ids, wanted, now)]
    new = sum(row.id not in set(ids) for row in found.rows)
    numbers = _numbers(connection)
    number = None
    if _is_whole_tab(wanted):
        number = numbers.of[wanted.tab] = matching(wanted, found, numbers) or numbers.of[wanted.tab]
    may = g.user.may("operator")
    told = {
        "rows": fresh,
        "new": new,
        "more_new": new == SIZE,
        "at_rest": new == SIZE and all(row.state in FINAL for row in fresh),
        "numbers": numbers,
        "tabs": TABS_SHOWN,
    }
    return etags.conditional(
        lambda: render_template("tickets/fresh.html", may=may, matching=number, **told),
        (changes_with(fresh, may), new, numbers.of, errored_now()),
    )


def number() -> Response:
    """How many tickets a filter means: what a page asks for once it is shown, and what that goes on with."""
    begun = request.args.get("counted", "")
    try:
        wanted = wanted_of(request.args)
        found = counts.number(db.session.connection(), wanted, g.user.now, begun=begun)
    except FilterError as complaint:
        return unfit("tickets/complaint.html", **_told(complaint))
    return answer("tickets/number.html", matching=found, goes_on=_goes_on(wanted, found))


def words() -> Response:
    """What may stand next in the search box, as options: the search `q` with its last word completed."""
    typed = request.args.get("q", "")[:MOST_CHARACTERS]
    return answer("tickets/words.html", found=completions(db.session.connection(), typed))


def shown_ids(written: str) -> list[int]:
    """The ids that a page shows, written `1.2.3`. Raises FilterError."""
    parts = written.split(".") if written else []
    if len(parts) > 4 * SIZE or not all(p.isascii() and p.isdigit() and int(p) <= MAX_ID for p in parts):
        raise FilterError("ids", written, f"numbers with dots between them, at most {4 * SIZE}")
    return [int(part) for part in parts]


def _numbers(connection: Connection) -> counts.TabCounts:
    return counts.tab_counts(connection, g.user.now, g.user.counts, g.user.sampled_at)


def _number_url(wanted: TicketFilter) -> str:
    return url_for("tickets.number") + "?" + wanted.query()


def _goes_on(wanted: TicketFilter, number: counts.Number | None) -> str | None:
    """Where a number that is not at its end is counted on."""
    return f"{_number_url(wanted)}&counted={number.begun.written()}" if number and number.begun else None


def _rows_url(wanted: TicketFilter) -> str:
    cursor = request.args.get("cursor")
    written = wanted.query() + (f"&cursor={cursor}" if cursor else "")
    return url_for("tickets.rows") + "?" + written.lstrip("&")


def _is_whole_tab(wanted: TicketFilter) -> bool:
    """Whether the list is all of a tab that is counted: then the tab's number and the list's are one."""
    return not wanted.is_narrowed and wanted.tab in TABS_SHOWN and wanted.tab != "expiring"


def matching(wanted: TicketFilter, found: Page, numbers: counts.TabCounts) -> counts.Number | None:
    """How many tickets the filter means, where that is known: the tab's own number unless it is narrowed.

    A page may have seen them all. None: a count looks through thousands of rows, and the page does not wait
    for it.
    """
    if (seen := counts.of_page(found)) is not None:
        return seen
    if wanted.is_narrowed or wanted.tab not in numbers.of or wanted.tab == "expiring":
        return None
    return numbers.of[wanted.tab]
