"""Undo of an operation: an operation of its own whose set is what the other one has changed.

Asked for by a person, it needs no second word: the scheduler copies the set and goes on at once, in chunks,
each ticket through the single undo. What has moved since is skipped and counted, so both numbers are told.
One that is under way is stopped first.
"""

import secrets
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update
from sqlalchemy import Integer as SqlInteger

from .acts import Actor, Refused
from .clock import stamp
from .sqlite import begin_immediate
from .tables import Operation, OperationItem, TrailEntry
from .undo import UNDOABLE

CHUNK = 5000
OPEN = ("asked", "started", "stopping")


def undo(connection: Connection, operation_id: int, by: Actor, reason: str | None = None) -> int:
    """Take back what an operation did; returns the id of the operation that does it. Raises Refused.

    While one is open, a repeated wish is that one.
    """
    begin_immediate(connection)
    query = select(Operation.__table__).where(Operation.id == operation_id).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise Refused(f"there is no operation {operation_id}", "gone")
    if row.verb not in UNDOABLE:
        raise Refused(f"operation {operation_id} is an {row.verb}: that cannot be undone", "argument")
    again = select(Operation.id).where(Operation.undo_of == operation_id, Operation.state.in_(OPEN))
    if (open_ := connection.execute(again).scalar()) is not None:
        return int(open_)
    if not row.changed:
        raise Refused(f"operation {operation_id} has changed no ticket: nothing to take back", "state")
    if row.state == "started":
        connection.execute(update(Operation).where(Operation.id == row.id).values(state="stopping"))
    told = (reason or "").strip() or None
    values = {
        "verb": "undo", "undo_of": operation_id, "asked_by": by.name, "started_by": by.name,
        "started_at": stamp(), "reason": told, "submit_token": secrets.token_urlsafe(24),
    }  # fmt: skip
    made = connection.execute(insert(Operation).values(values)).inserted_primary_key
    assert made is not None
    entry = {
        "actor": by.name, "via": by.via, "verb": "undo operation", "subject": f"operation {operation_id}",
        "reason": told, "operation_id": int(made[0]), "before": {"state": row.state},
        "after": {"verb": row.verb, "changed": row.changed},
    }  # fmt: skip
    connection.execute(insert(TrailEntry).values(entry))
    return int(made[0])


def freeze(connection: Connection, operation: Any, chunk: int = CHUNK) -> bool:
    """One chunk of its set, in the order of the tickets' ids; True when that was the last.

    Index: the primary key of the items.
    """
    after = int(operation.frozen_through or 0)
    of = (OperationItem.operation_id == operation.undo_of, OperationItem.ticket_id > after)
    ahead = select(OperationItem.ticket_id).where(*of).order_by(OperationItem.ticket_id)
    edge = connection.execute(ahead.offset(chunk - 1).limit(1)).scalar()
    changed = select(
        literal(operation.id, SqlInteger), OperationItem.ticket_id, OperationItem.moves,
        OperationItem.state, OperationItem.trail_id,
    ).where(*of, OperationItem.result == "changed", OperationItem.trail_id.is_not(None))  # fmt: skip
    if edge is not None:
        changed = changed.where(OperationItem.ticket_id <= edge)
    columns = ["operation_id", "ticket_id", "moves", "state", "undoes"]
    connection.execute(insert(OperationItem).from_select(columns, changed))
    here = update(Operation).where(Operation.id == operation.id)
    if edge is not None:
        connection.execute(here.values(frozen_through=str(edge)))
        return False
    own = select(func.count()).where(OperationItem.operation_id == operation.id)
    count = connection.execute(own).scalar_one()
    connection.execute(here.values(state="started", previewed_at=stamp(), matched=count))
    return True
