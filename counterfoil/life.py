"""The life of a ticket as a page of Markdown, made from the table of moves."""

from .moves import MOVES, Move
from .ticket import STATES

MEANINGS = {
    "held": "waits until it is released",
    "pending": "waits for its time, its lane or a worker",
    "running": "a worker holds its fence",
    "done": "the work has returned; the row is its receipt",
    "errored": "needs you: attempts used up, or nothing to retry",
    "expired": "no longer needed, nobody's fault",
    "failed": "given up for good, by the work or by a person",
}
"""Each state's one-line meaning; the console shows them too."""

_FENCES = {
    "new": "gets a new one",
    "named": "must be named",
    "replaced": "is replaced, if there is one",
    "none": "is not touched",
}


def _states(states: tuple[str, ...]) -> str:
    return ", ".join(states) or "-"


def _row(name: str, move: Move) -> str:
    by = ", ".join(move.by)
    reason = " A reason is required." if move.needs_reason else ""
    counted = "" if move.moved else " Does not count as a move."
    summary = f"{move.summary[0].upper()}{move.summary[1:]}.{reason}{counted}"
    leaves, reaches = _states(move.leaves), _states(move.reaches)
    return f"| **{name}** | {leaves} | {reaches} | {by} | {_FENCES[move.fence]} | {summary} |"


def page() -> str:
    """`docs/life-of-a-ticket.md`; a test holds the file against this."""
    states = "\n".join(f"| **{state}** | {MEANINGS[state]} |" for state in STATES)
    moves = "\n".join(_row(name, move) for name, move in MOVES.items())
    return f"""# The life of a ticket

This page is made from the table that the code runs on: `counterfoil moves --markdown`. Do not edit it.

A ticket is always in one of seven states:

| state | meaning |
|---|---|
{states}

Every change of state is one of these moves. A move is one conditional UPDATE: of two who try at once, one
finds the row, the other is told that the ticket has moved on. A running ticket bears a *fence*, a random
token; what its worker writes about it names that fence, so a worker that lost it changes nothing.

| verb | leaves | reaches | by | the fence | what happens |
|---|---|---|---|---|---|
{moves}

Tickets of a lane elect after a move: the best of those that wait gets the turn. Views of pending: *pending*
(due), *delayed* (never tried, not due yet) and *retrying* (tried or postponed, waits for its next start).

A ticket that simply succeeded leaves `keep_receipt_minutes` after it was done. Whatever had trouble - a
failed attempt, a lapse, an operator's act - stays at least `keep_trouble_days` (30). The trail stays 400
days.
"""
