"""Words about tickets: tabs, acts, what a row says about its time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask

from counterfoil.moves import operator_verbs
from counterfoil.tabs import TABS

from . import tracebacks
from .masking import masked_text
from .queries.counts import Number
from .strings import N_, gettext
from .words import state_meaning, state_word

ON_A_ROW = ("retry", "run-now", "release")
"""Acts that need no words and no second thought: a button on the row. The others are a step further."""

IN_BULK = ("retry", "run-now", "release", "hold", "expire", "fail", "acknowledge")

VERB_ICONS = {
    "retry": "rotate-ccw", "run-now": "play", "release": "play", "hold": "hand", "expire": "archive",
    "fail": "x", "extend": "clock", "keep": "lock", "acknowledge": "check", "note": "list", "stop": "pause",
    "move": "chevron-right",
}  # fmt: skip


# Marked here and said where they are shown: else a page translates a whole table for each word of it.
_OWN_TABS = {
    "all": (N_("all"), N_("every ticket")),
    "leaving": (N_("leaving"), N_("receipts that the purge will take")),
}
_VERBS = {
    "retry": N_("Retry"),
    "run-now": N_("Run now"),
    "release": N_("Release"),
    "hold": N_("Hold"),
    "move": N_("Move to another queue"),
    "expire": N_("Expire - no longer needed"),
    "fail": N_("Fail - give up for good"),
    "extend": N_("Extend"),
    "keep": N_("Keep"),
    "acknowledge": N_("Acknowledge"),
    "note": N_("Note"),
    "stop": N_("Stop - its attempt counts"),
    "undo": N_("Undo"),
}
_SHORT_VERBS = {"expire": N_("Expire"), "fail": N_("Fail"), "stop": N_("Stop")}
_MEANINGS = {
    "retry": N_("A new budget of attempts, due at once. The last error is kept until it is done."),
    "run-now": N_("Due at once, at top priority. What still stands in its way is told after it."),
    "release": N_("It may run when it is due."),
    "hold": N_("It waits until somebody releases it."),
    "expire": N_("Nobody's fault. Its idempotence token is free at once; may be retried later."),
    "fail": N_("It should have worked. Counts as a failure in its batch; may be retried later."),
    "extend": N_("Another deadline, or none."),
    "keep": N_("Its receipt is not purged until then."),
    "acknowledge": N_("Somebody knows: the timeline tells who. It stays errored."),
    "note": N_("A remark for whoever looks next; it changes nothing."),
    "stop": N_(
        "Its process is ended and what it wrote is rolled back. What it did outside - mails, payments, "
        "calls - may have happened. The attempt counts; it is tried again, if attempts are left."
    ),
}
_EMPTY = {
    "pending": N_("Nothing is due: everything that may run has run or runs."),
    "delayed": N_(
        "Nothing waits for its time. A ticket opened with execute_earliest stands here until then."
    ),
    "retrying": N_(
        "Nothing waits for another try. What failed with attempts left, or was postponed, stands here."
    ),
    "running": N_("No worker is at a ticket just now."),
    "done": N_(
        "No receipts. A ticket that simply succeeded leaves after its receipt minutes (10 by default)."
    ),
    "errored": N_("Nothing needs you: no ticket has used up its attempts."),
    "expired": N_("No ticket was given up as no longer needed, by a person or by its deadline."),
    "failed": N_("No ticket was given up for good, by a person or by the work itself."),
    "held": N_("Nothing is held. A staged ticket stands here until released, as does what an operator held."),
    "expiring": N_("No deadline of a waiting ticket is near."),
    "leaving": N_("No troubled receipt is about to leave."),
}


@dataclass(frozen=True)
class When:
    """What a row says about its time: a word ("due", "started", "finished") and the instant."""

    word: str
    at: datetime | None


def install(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(
        shown_state=shown_state, row_when=row_when, row_verbs=row_verbs, opens=opens, tab_word=tab_word,
        tab_meaning=tab_meaning, verb_word=verb_word, verb_meaning=verb_meaning, verb_icon=VERB_ICONS.get,
        verb_past=verb_past, tab_empty=tab_empty,
        masked_text=masked_text, traceback_parts=tracebacks.parts,
        verb_short=verb_short, some=some, one_line=one_line,
        priority_word=priority_word, window_word=window_word,
    )  # fmt: skip


def shown_state(row: Any, now: datetime) -> str:
    """The word on a row's chip: pending is told apart as the tabs do it."""
    if row.state != "pending" or row.due_at <= now:
        return str(row.state)
    return "retrying" if row.claims else "delayed"


def row_when(row: Any, now: datetime) -> When:
    """The one time that matters in a row's state."""
    if row.state == "held":
        return When(gettext("opened"), row.opened_at)
    if row.state == "pending":
        return When(gettext("due"), row.due_at)
    if row.state == "running":
        return When(gettext("started"), row.started_at)
    return When(gettext("ran") if row.state in ("done", "errored") else gettext("ended"), row.done)


def row_verbs(state: str) -> list[str]:
    """The acts that stand on a row itself. A done one runs again only from its own page."""
    none = {("done", "retry"), ("held", "run-now")}  # needs its words; is released first
    return [verb for verb in operator_verbs(state) if verb in ON_A_ROW and (state, verb) not in none]


def opens(verb: str, state: str) -> bool:
    """Whether an act opens to its words and its reason first; the others are a button."""
    return verb != "hold" and verb not in row_verbs(state)


def bulk_verbs(tab: str) -> list[str]:
    """The acts that may be asked for on many tickets of a tab."""
    states = set(TABS[tab].states)
    able = {verb for state in states for verb in operator_verbs(state)}
    return [verb for verb in IN_BULK if verb in able and not (verb == "retry" and states == {"done"})]


def tab_word(tab: str) -> str:
    """A tab's name."""
    own = _OWN_TABS.get(tab)
    return gettext(own[0]) if own else state_word(tab)


def tab_meaning(tab: str) -> str:
    """One line for hover and focus."""
    own = _OWN_TABS.get(tab)
    return gettext(own[1]) if own else state_meaning(tab)


def verb_word(verb: str) -> str:
    """What the button says."""
    return gettext(_VERBS[verb])


def verb_past(verb: str, number: int | str) -> str:
    """What the toast says after the act."""
    return {
        "retry": gettext("Ticket %(id)s is tried again, with a new budget of attempts.", id=number),
        "run-now": gettext("Ticket %(id)s is due at once, at top priority.", id=number),
        "release": gettext("Ticket %(id)s is released.", id=number),
        "hold": gettext("Ticket %(id)s is held until somebody releases it.", id=number),
        "expire": gettext("Ticket %(id)s is expired: no longer needed.", id=number),
        "fail": gettext("Ticket %(id)s is failed: given up for good.", id=number),
        "extend": gettext("Ticket %(id)s has a new deadline.", id=number),
        "keep": gettext("The receipt of ticket %(id)s is kept.", id=number),
        "acknowledge": gettext("Ticket %(id)s is acknowledged: whoever comes next reads by whom.", id=number),
        "note": gettext("The note on ticket %(id)s stands in the trail.", id=number),
        "stop": gettext("Ticket %(id)s is stopped: its process ends within seconds.", id=number),
    }[verb]


def verb_meaning(verb: str, state: str) -> str:
    """What it does, in a line, before it is done."""
    if verb == "retry" and state == "done":
        return gettext("It is done. Running it again makes its effects happen twice.")
    return gettext(_MEANINGS[verb])


def tab_empty(tab: str) -> str:
    """What an empty tab teaches."""
    return gettext(_EMPTY[tab])


def verb_short(verb: str) -> str:
    """What a small button says; the long words stand where the act is confirmed."""
    return gettext(_SHORT_VERBS.get(verb) or _VERBS[verb])


def some(number: Number) -> str:
    """`1,234`, or `10,000+` when there may be more."""
    return f"{number.n:,}" + ("+" if number.more else "")


def one_line(error: str) -> str:
    """An error's first line that says something."""
    lines = [line for line in masked_text(error).splitlines() if line.strip()]
    return lines[0] if lines else ""


def priority_word(priority: int | None) -> str:
    """A priority's name; a question mark while none is decided."""
    words = {
        1: gettext("urgent"), 3: gettext("high"), 5: gettext("medium"), 7: gettext("low"),
        9: gettext("minor"),
    }  # fmt: skip
    return words.get(priority or 0, "?")


def window_word(window: str) -> str:
    """How far ahead."""
    return {"1h": gettext("1 hour"), "24h": gettext("24 hours"), "7d": gettext("7 days")}[window]
