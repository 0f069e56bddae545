"""Bulk acts: one verb on many tickets, as an operation that is previewed, started, and carried out in chunks.

Asking makes a row. The scheduler freezes the set: which tickets, with their `moves` as they were when it was
asked for. A person who has seen the preview starts it, with a reason. Each ticket then goes through the
single act with the `moves` of the frozen set, so that what has moved since is skipped and counted. An item's
result and its act are one transaction: a scheduler that is killed goes on where it was, each ticket at most
once.

`start`, `stop`, `go_on` and `undo` are a person's words; `work` is what the scheduler does about them.

Limits: an act waits up to a second for a ticket that is just being finished.
"""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from . import pace as paces
from .acts import Actor, Refused
from .clock import stamp
from .moves import MOVES
from .operation_asking import MOST_IDS, NARROWED_ONLY, VERBS, ask
from .operation_undo import undo
from .operation_work import work
from .tables import Operation, TrailEntry

__all__ = ["MOST_IDS", "NARROWED_ONLY", "PACES", "VERBS", "ask", "go_on", "start", "stop", "undo", "work"]

PACES = ("all", "canary")
"""All at once, or ten tickets first and then at the rate of the last healthy hour."""


def start(
    connection: Connection,
    operation_id: int,
    by: Actor,
    reason: str | None,
    expected: int,
    pace: str | None = None,
) -> None:
    """Start a previewed operation on the `expected` number of tickets that the person saw. Raises Refused.

    `pace` is one of PACES; None: a canary above 500 tickets that will run, else all at once.
    """
    told = (reason or "").strip() or None
    row = _row(connection, operation_id)
    pace = pace or paces.chosen(row.verb, row.matched)
    if pace not in PACES or (pace == "canary" and row.verb not in paces.RUN):
        able = PACES if row.verb in paces.RUN else PACES[:1]
        raise Refused(f"{row.verb} has no pace {pace!r}; there is {' or '.join(able)}", "argument")
    if MOVES[row.verb].needs_reason and not told:
        raise Refused(f"{row.verb} needs a reason: say why, it stands in the trail", "argument")
    started = update(Operation).where(
        Operation.id == operation_id, Operation.state == "previewed", Operation.matched == expected
    )
    values = {"state": "started", "started_by": by.name, "started_at": stamp(), "reason": told}
    values |= {"pace": pace, "phase": "canary" if pace == "canary" else None}
    if connection.execute(started.values(values)).rowcount != 1:
        raise Refused(f"operation {operation_id} is {row.state}: look at its preview again", "moved")
    after = {"verb": row.verb, "matched": row.matched, "query": row.query, "pace": pace}
    _record(connection, by, "start operation", operation_id, told, after)


def go_on(
    connection: Connection, operation_id: int, by: Actor, reason: str | None, all_at_once: bool = False
) -> None:
    """Do not wait for the canary, or go on against its verdict (say why); paced, or without a bound.

    Raises Refused.
    """
    told = (reason or "").strip() or None
    row = _row(connection, operation_id)
    may = ("canary", "watching", "halted", *(("paced",) if all_at_once else ()))
    if row.state != "started" or row.phase not in may:
        raise Refused(f"operation {operation_id} is {row.state} and waits for nothing", "moved")
    if row.phase == "halted" and not told:
        raise Refused("its canary has halted it: say why it shall go on, it stands in the trail", "argument")
    values: dict[str, Any] = {"phase": None} if all_at_once else paces.paced(connection)
    here = update(Operation).where(Operation.id == operation_id, Operation.state == "started")
    if connection.execute(here.where(Operation.phase == row.phase).values(values)).rowcount != 1:
        raise Refused(f"operation {operation_id} has gone on meanwhile: look again", "moved")
    after = {"phase": "all at once" if all_at_once else "paced", "halted_why": row.halted_why}
    _record(connection, by, "go on with operation", operation_id, told, after)


def stop(connection: Connection, operation_id: int, by: Actor) -> None:
    """No further ticket after the chunk under way; one not started yet is given up. Raises Refused."""
    for left, reached in (("started", "stopping"), ("previewed", "stopped"), ("asked", "stopped")):
        at = {} if reached == "stopping" else {"ended_at": stamp()}
        found = update(Operation).where(Operation.id == operation_id, Operation.state == left)
        if connection.execute(found.values(state=reached, **at)).rowcount == 1:
            _record(connection, by, "stop operation", operation_id, None, {"state": reached})
            return
    raise Refused(f"operation {operation_id} is {_row(connection, operation_id).state} already", "moved")


def _row(connection: Connection, operation_id: int) -> Any:
    row = connection.execute(select(Operation.__table__).where(Operation.id == operation_id)).first()
    if row is None:
        raise Refused(f"there is no operation {operation_id}", "gone")
    return row


def _record(
    connection: Connection, by: Actor, verb: str, operation_id: int, reason: str | None, after: dict[str, Any]
) -> None:
    told = {"actor": by.name, "via": by.via, "reason": reason, "after": after}
    subject = f"operation {operation_id}"
    connection.execute(
        insert(TrailEntry).values({**told, "verb": verb, "subject": subject, "operation_id": operation_id})
    )
