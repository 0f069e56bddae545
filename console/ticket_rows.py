"""A row of a list as markup, made once for what it shows and for whom.

Many look at the same list, each again and again: a row that nobody has changed costs a look in a dictionary.
What the row's template reads stands in `Shown` and `Reader`, and nothing else reaches it: two that are equal
have the same markup, so a row is never older than the values that were just read. How long ago its time was
is put in afterwards: of what ran just now it differs from second to second.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from flask import Flask, g, url_for
from markupsafe import Markup, escape

from .assets import static
from .strings import translations
from .ticket_words import row_when, shown_state
from .times import relative, zone

MOST_KEPT = 4_000
"""Rows kept by a process, some 3 KB each: eighty pages of the list."""


class Shown(NamedTuple):
    """Of a ticket what its row shows."""

    id: int
    state: str
    shown: str
    view_model: str
    root_id: str | None
    root_label: str | None
    word: str
    at: datetime | None
    attempts: int
    max_attempts: int | None
    error: str
    moves: int
    gone: bool
    paused: bool
    """It is set aside while its view model is paused."""


class Leaves(NamedTuple):
    """Of a ticket what its row shows where it is listed for leaving; `at`: its deadline, or the purge."""

    id: int
    state: str
    chip: str
    view_model: str
    root_id: str | None
    root_label: str | None
    moves: int
    at: datetime | None
    evidence: bool


class Reader(NamedTuple):
    """Of who reads what the row differs by."""

    may: bool
    zone: str
    list: str
    sheet: str
    language: Any


EVIDENCE_YEAR = 9999
AGO = Markup("<ago>")
"""Stands for the age in what is kept; no value can look like it, because values are escaped."""


def install(app: Flask) -> None:
    """`ticket_row(row, now, may, gone)`, `shown_row(shown, may)`, `leaving_row(sort, row, now, may)`."""

    @lru_cache(MOST_KEPT)
    def made(sort: str, row: Shown | Leaves, reader: Reader) -> tuple[str, str]:
        before, _, after = macros[sort](row, reader, AGO).partition(AGO)
        return str(before), str(after)

    def kept(sort: str, row: Shown | Leaves, may: bool) -> Markup:
        before, after = made(sort, row, reader(may))
        ago = str(escape(relative(row.at))) if row.at else ""
        return Markup(before + ago + after)  # noqa: S704 - a macro's, escaped already

    def shown_row(row: Shown, may: bool) -> Markup:
        return kept("ticket", row, may)

    def ticket_row(row: Any, now: datetime, may: bool, gone: bool = False) -> Markup:
        return kept("ticket", shown(row, now, gone), may)

    def leaving_row(sort: str, row: Any, now: datetime, may: bool) -> Markup:
        return kept(sort, leaves(row, row.expires_at if sort == "waiting" else row.delete_time, now), may)

    app.jinja_env.globals.update(ticket_row=ticket_row, shown_row=shown_row, leaving_row=leaving_row)
    rows: Any = app.jinja_env.get_template("tickets/row_cells.html").module
    leaving: Any = app.jinja_env.get_template("expiring/rows.html").module
    macros = {"ticket": rows.ticket_row, "waiting": leaving.waiting, "leaving": leaving.leaving}


def leaves(row: Any, at: datetime | None, now: datetime) -> Leaves:
    """What the row of this ticket shows; `at` is when it leaves unless it is kept for longer."""
    outlives = bool(row.kept and row.kept > (row.delete_time or now))
    return Leaves(
        row.id, row.state, "kept" if outlives else shown_state(row, now), row.view_model, row.root_id,
        row.root_label, row.moves, row.kept if outlives and row.delete_time else at,
        bool(row.kept and row.kept.year == EVIDENCE_YEAR),
    )  # fmt: skip


def shown(row: Any, now: datetime, gone: bool = False) -> Shown:
    """What the row of this ticket shows; `now` is the database's time, `gone`: it has left the list."""
    time = row_when(row, now)
    return Shown(
        row.id, row.state, shown_state(row, now), row.view_model, row.root_id, row.root_label,
        time.word, time.at, row.attempts, row.max_attempts, row.error or "", row.moves, gone,
        row.state == "pending" and row.aside == "paused",
    )  # fmt: skip


def reader(may: bool) -> Reader:
    """Whoever asks in this request."""
    made: dict[bool, Reader] = g.setdefault("counterfoil_readers", {})
    if may not in made:
        made[may] = Reader(may, str(zone()), url_for("tickets"), static("icons.svg"), translations())
    return made[may]


def changes_with(rows: list[Shown], may: bool) -> tuple[Any, ...]:
    """What these rows' markup changes with, but for relative times: those are the page's own business."""
    return rows, reader(may)[:-1]
