"""A ticket's moves in time, from its own columns, its attempts and the trail; nothing else is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask

from counterfoil.ticket import FINAL
from counterfoil.undo import may_be_undone

from .masking import masked_text
from .queries.ticket import Told
from .strings import N_, gettext
from .times import duration

DONE = {
    "retry": N_("retried"), "run-now": N_("made due at once"), "release": N_("released"), "hold": N_("held"),
    "expire": N_("expired: no longer needed"), "fail": N_("failed: given up for good"), "note": N_("note"),
    "extend": N_("given another deadline"), "keep": N_("receipt kept"), "acknowledge": N_("acknowledged"),
    "stop": N_("stopped"), "move": N_("moved to another queue"), "edit": N_("retried with other params"),
    "reschedule": N_("rescheduled"), "reprioritise": N_("given another priority"), "undo": N_("undone"),
    "reveal": N_("params revealed"),
}  # fmt: skip
TONES = {"back off": "is-bad", "error": "is-bad", "fail": "is-bad", "lapse": "is-bad"}


@dataclass(frozen=True)
class Event:
    """One move: when, how it looks (is-bad, is-good, is-now or nothing), what, by whom, why."""

    at: datetime
    tone: str
    what: str
    who: str | None = None
    why: str | None = None
    operation_id: int | None = None
    undo: int | None = None
    """The trail's entry, when its act may still be taken back."""


def install(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(did_word=did_word)


def did_word(entry: Any) -> str:
    """What an entry of the trail says was done; the verb itself where nothing was, or there is no word."""
    return str(entry.verb) if entry.refused or entry.verb not in DONE else gettext(DONE[entry.verb])


def timeline(told: Told) -> list[Event]:
    """Oldest first."""
    row = told.row
    found = [Event(row.opened_at, "", gettext("opened"), row.opened_by or row.opened_via)]
    found += [_attempt(attempt) for attempt in told.attempts]
    found += [_entry(entry, may_be_undone(entry, row._mapping)) for entry in told.trail]
    if row.state == "running":
        found.append(Event(row.started_at, "is-now", gettext("claimed, attempt %(n)s", n=row.attempts)))
    elif row.state in FINAL and row.done is not None and not _is_told(told):
        found.append(_end(row))
    return sorted(found, key=lambda event: event.at)


def _attempt(attempt: Any) -> Event:
    words = {
        "back off": gettext("attempt failed, backs off"),
        "error": gettext("attempt failed, errored: needs a person"),
        "fail": gettext("the work gave up for good"),
        "postpone": gettext("postponed by the work"),
        "lapse": gettext("its worker was lost"),
        "give back": gettext("given back: the attempt does not count"),
        "stop": gettext("stopped"),
    }
    what = words.get(attempt.outcome, attempt.outcome)
    if attempt.duration_ms is not None:
        what += gettext(" after %(time)s", time=duration(attempt.duration_ms))
    why = masked_text(attempt.error).split("\n", 1)[0] or None
    return Event(attempt.ended_at, TONES.get(attempt.outcome, ""), what, attempt.worker, why)


def _entry(entry: Any, undoable: bool) -> Event:
    if entry.refused:
        return Event(entry.at, "", gettext("%(verb)s refused", verb=entry.verb), entry.actor, entry.refused)
    return Event(
        entry.at,
        "is-bad" if entry.verb == "fail" else "",
        did_word(entry),
        entry.actor,
        entry.reason,
        entry.operation_id,
        entry.id if undoable else None,
    )


def _is_told(told: Told) -> bool:
    """Whether an attempt or an act tells how it ended."""
    row = told.row
    if row.state == "done":
        return False
    by_act = any((entry.after or {}).get("state") == row.state for entry in told.trail)
    ends = {"errored": ("error", "lapse", "stop"), "failed": ("fail",), "expired": ()}[row.state]
    return by_act or any(attempt.outcome in ends for attempt in told.attempts)


def _end(row: Any) -> Event:
    if row.state == "done":
        time = duration(row.duration_ms)
        return Event(
            row.done, "is-good", gettext("finished at attempt %(n)s, in %(time)s", n=row.attempts, time=time)
        )
    if row.state == "expired":
        return Event(row.done, "", gettext("expired: its deadline passed before it ran"), "scheduler")
    return Event(row.done, "is-bad", row.state, None, masked_text(row.error).split("\n", 1)[0] or None)
