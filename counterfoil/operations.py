"""Bulk acts: one verb on many tickets, as an operation that is previewed, started, and carried out in chunks.

Asking makes a row. The scheduler freezes the set: which tickets, with their `moves` as they were when it was
asked for. A person who has seen the preview starts it, with a reason. Each ticket then goes through the
single act with the `moves` of the frozen set, so that what has moved since is skipped and counted. An item's
result and its act are one transaction: a scheduler that is killed goes on where it was, each ticket at most
once.

Limits: an act waits up to a second for a ticket that is just being finished; no pace is promised.
"""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from .acts import Actor, Refused
from .clock import stamp
from .filters import FilterError, TicketFilter
from .frozen_set import freeze
from .moves import MOVES
from .operation_steps import step
from .sqlite import begin_immediate
from .tables import Operation, TrailEntry

VERBS = ("retry", "run-now", "release", "hold", "expire", "fail")
"""What may be done to many tickets at once."""

NARROWED_ONLY = ("expire", "fail")
MOST_IDS = 1000
_TOKEN = re.compile(r"[0-9A-Za-z_-]{16,64}")


def ask(
    connection: Connection,
    verb: str,
    by: Actor,
    submit_token: str,
    *,
    query: str | None = None,
    ids: Iterable[int] | None = None,
) -> int:
    """Ask for a preview; returns the operation's id. A submit repeated with its token is one operation.

    `query` is a filter's query string, `ids` are tickets picked by hand; one of the two. Raises Refused
    (argument) for a verb, filter or set that may not be.
    """
    if verb not in VERBS:
        raise Refused(f"there is no {verb!r} for many tickets; there are {', '.join(VERBS)}", "argument")
    if not _TOKEN.fullmatch(submit_token or ""):
        raise Refused("the form carries no submit token: load the list again and repeat", "argument")
    values = {"verb": verb, "asked_by": by.name, "submit_token": submit_token}
    values |= _picked(ids) if query is None else _filtered(verb, query)
    try:
        with connection.begin_nested():
            made = connection.execute(insert(Operation).values(values)).inserted_primary_key
    except IntegrityError:
        earlier = select(Operation.id, Operation.asked_by).where(Operation.submit_token == submit_token)
        row = connection.execute(earlier).one()
        if row.asked_by != by.name:
            raise Refused("this submit token is another person's: load the list again", "argument") from None
        return int(row.id)
    assert made is not None
    return int(made[0])


def start(connection: Connection, operation_id: int, by: Actor, reason: str | None, expected: int) -> None:
    """Start a previewed operation on the `expected` number of tickets that the person saw. Raises Refused."""
    told = (reason or "").strip() or None
    row = _row(connection, operation_id)
    if MOVES[row.verb].needs_reason and not told:
        raise Refused(f"{row.verb} needs a reason: say why, it stands in the trail", "argument")
    started = update(Operation).where(
        Operation.id == operation_id, Operation.state == "previewed", Operation.matched == expected
    )
    values = {"state": "started", "started_by": by.name, "started_at": stamp(), "reason": told}
    if connection.execute(started.values(values)).rowcount != 1:
        raise Refused(f"operation {operation_id} is {row.state}: look at its preview again", "moved")
    after = {"verb": row.verb, "matched": row.matched, "query": row.query}
    _record(connection, by, "start operation", operation_id, told, after)


def stop(connection: Connection, operation_id: int, by: Actor) -> None:
    """No further ticket after the chunk under way; one not started yet is given up. Raises Refused."""
    for left, reached in (("started", "stopping"), ("previewed", "stopped"), ("asked", "stopped")):
        at = {} if reached == "stopping" else {"ended_at": stamp()}
        found = update(Operation).where(Operation.id == operation_id, Operation.state == left)
        if connection.execute(found.values(state=reached, **at)).rowcount == 1:
            _record(connection, by, "stop operation", operation_id, None, {"state": reached})
            return
    raise Refused(f"operation {operation_id} is {_row(connection, operation_id).state} already", "moved")


def work(connection: Connection) -> bool:
    """One chunk of one open operation, in the caller's transaction; False when there is nothing to do.

    Index: counterfoil_operations_open. What was asked comes first, then the one that has come least far. Two
    schedulers never work on the same one: its row is locked, or passed over.
    """
    open_ = Operation.state.in_(("asked", "started", "stopping"))
    if connection.execute(select(Operation.id).where(open_).limit(1)).first() is None:
        return False  # without SQLite's write lock, which every beat would take for nothing
    begin_immediate(connection)
    done = Operation.changed + Operation.skipped + Operation.failed
    for state, order in (("stopping", Operation.id), ("asked", Operation.id), ("started", done)):
        found = select(Operation.__table__).where(Operation.state == state).order_by(order, Operation.id)
        row = connection.execute(found.limit(1).with_for_update(skip_locked=True, key_share=True)).first()
        if row is None:
            continue
        if state == "stopping":
            values = {"state": "stopped", "ended_at": stamp()}
            connection.execute(update(Operation).where(Operation.id == row.id).values(values))
        elif state == "asked":
            _preview(connection, row)
        else:
            step(connection, row)
        return True
    return False


def _preview(connection: Connection, row: Any) -> None:
    try:
        freeze(connection, row)
    except FilterError as error:  # asked by an older or newer version, with fields that this one lacks
        values = {"state": "refused", "refusal": str(error), "ended_at": stamp()}
        connection.execute(update(Operation).where(Operation.id == row.id).values(values))


def _picked(ids: Iterable[int] | None) -> dict[str, Any]:
    picked = sorted(set(ids or ()))
    if not picked:
        raise Refused("no ticket is selected: select some, or choose all that match", "argument")
    if len(picked) > MOST_IDS:
        raise Refused(f"{len(picked)} tickets picked by hand; at most {MOST_IDS}: use a filter", "argument")
    return {"ids": picked}


def _filtered(verb: str, query: str) -> dict[str, Any]:
    try:
        wanted = TicketFilter.parse(query)
    except FilterError as error:
        raise Refused(str(error), "argument") from None
    if verb in NARROWED_ONLY and wanted.is_everything:
        raise Refused(f"{verb} on every ticket there is: choose a tab or a filter first", "argument")
    return {"query": wanted.query()}


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
