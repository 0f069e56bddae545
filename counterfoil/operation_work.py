"""The scheduler's part of operations: one piece of one open operation, in one transaction.

What was asked comes first, then the one that has come least far; one that waits for its canary or its pace is
passed over. Two schedulers never work on the same one: its row is locked, or passed over.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from . import operation_undo, pace
from .clock import stamp
from .filters import FilterError
from .frozen_set import freeze
from .operation_steps import CHUNK, step
from .sqlite import begin_immediate
from .tables import Operation

_ORDER = {"stopping": 0, "asked": 1, "started": 2}
MOST_OPEN = 500


def work(connection: Connection) -> bool:
    """One chunk of one open operation, in the caller's transaction; False when there is nothing to do.

    Index: counterfoil_operations_open.
    """
    open_ = select(Operation.__table__).where(Operation.state.in_(tuple(_ORDER))).limit(MOST_OPEN)
    rows = connection.execute(open_).all()
    if not rows:
        return False
    now: datetime = connection.execute(select(stamp())).scalar_one()
    ready = [row for row in sorted(rows, key=_place) if _ready(connection, row, now)]
    if not ready:
        return False  # without SQLite's write lock, which every beat would take for nothing
    begin_immediate(connection)
    for seen in ready:
        same = (Operation.id == seen.id, Operation.state == seen.state)
        locked = select(Operation.__table__).where(*same).with_for_update(skip_locked=True, key_share=True)
        row = connection.execute(locked).first()
        if row is not None and row.phase == seen.phase:
            _carry_on(connection, row, now)
            return True
    return False


def _place(row: Any) -> tuple[int, int, int]:
    done = row.changed + row.skipped + row.failed if row.state == "started" else 0
    return _ORDER[row.state], done, row.id


def _ready(connection: Connection, row: Any, now: datetime) -> bool:
    if row.state != "started" or row.phase is None:
        return True
    if row.phase == "watching":
        return pace.verdict(pace.outcomes(connection, row)) is not None
    allowed = pace.allowance(row, now, CHUNK)
    return row.phase != "halted" and (allowed is None or allowed[0] > 0)


def _carry_on(connection: Connection, row: Any, now: datetime) -> None:
    if row.state == "stopping":
        _set(connection, row, state="stopped", ended_at=stamp())
    elif row.state == "asked":
        _preview(connection, row)
    elif row.phase == "watching":
        _judge(connection, row)
    else:
        _step(connection, row, now)


def _preview(connection: Connection, row: Any) -> None:
    try:
        if row.undo_of is not None:
            operation_undo.freeze(connection, row)
        else:
            freeze(connection, row)
    except FilterError as error:  # asked by an older or newer version, with fields that this one lacks
        _set(connection, row, state="refused", refusal=str(error), ended_at=stamp())


def _judge(connection: Connection, row: Any) -> None:
    found = pace.outcomes(connection, row)
    told = pace.verdict(found)
    if told == "halted":
        _set(connection, row, phase="halted", halted_why=pace.halted_why(found))
    elif told == "paced":
        _set(connection, row, **pace.paced(connection))


def _step(connection: Connection, row: Any, now: datetime) -> None:
    allowed = pace.allowance(row, now, CHUNK)
    if allowed is None:
        step(connection, row)
        return
    count, through = allowed
    taken = step(connection, row, count)
    if row.phase == "paced":
        _set(connection, row, paced_at=through)
        return
    canary = [*(row.canary or []), *taken]
    full = len(canary) >= pace.CANARY
    _set(connection, row, canary=canary, phase="watching" if full else "canary")


def _set(connection: Connection, row: Any, **values: Any) -> None:
    connection.execute(update(Operation).where(Operation.id == row.id).values(values))
