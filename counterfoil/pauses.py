"""Pause and resume of a queue or a view model: who, why, until when; with its row in the trail.

What is paused waits unharmed. Drains read the pauses at their start and every second, so what runs is
finished and little more is begun. A paused view model's tickets are set aside by the scheduler (`aside`), so
that others of their lanes and queues go on.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from .acts import Actor, Refused
from .clock import moment, stamp
from .columns import utc_text
from .queue_rows import name_queues
from .sqlite import begin_immediate
from .tables import Queue, TrailEntry, ViewModelRecord

WORDS: dict[Any, str] = {Queue: "queue", ViewModelRecord: "view model"}
CLEARED = {
    "paused": False, "paused_by": None, "paused_at": None, "paused_until": None, "paused_reason": None,
}  # fmt: skip
OVER = "its time was up"


def pause_queue(
    connection: Connection, name: str, by: Actor, reason: str | None = None, until: datetime | None = None
) -> None:
    """Pause, in the caller's transaction; a queue that is not there yet is made. Raises Refused."""
    if not 0 < len(name.strip()) <= 100:
        raise Refused(f"{name[:120]!r} is no queue's name: 1 to 100 characters", "argument")
    name_queues(connection, [name])
    _pause(connection, Queue, name, by, reason, until)


def resume_queue(connection: Connection, name: str, by: Actor, reason: str | None = None) -> None:
    """Resume, in the caller's transaction. Raises Refused: there is no such queue, or it is not paused."""
    _resume(connection, Queue, name, by, reason)


def pause_view_model(
    connection: Connection, name: str, by: Actor, reason: str | None = None, until: datetime | None = None
) -> None:
    """Pause, in the caller's transaction. Raises Refused: no worker has registered such a view model."""
    _pause(connection, ViewModelRecord, name, by, reason, until)


def resume_view_model(connection: Connection, name: str, by: Actor, reason: str | None = None) -> None:
    """Resume, in the caller's transaction. Raises Refused: there is none, or it is not paused."""
    _resume(connection, ViewModelRecord, name, by, reason)


def lift_over(connection: Connection, by: Actor) -> int:
    """Resume what was paused until a time that is past; how many. Both tables are small."""
    lifted = 0
    for table in WORDS:
        over = select(table.name).where(
            and_(table.paused, table.paused_until.is_not(None), table.paused_until <= moment())
        )
        for name in connection.execute(over).scalars().all():
            try:
                _resume(connection, table, name, by, OVER)
            except Refused:  # a person was first
                continue
            lifted += 1
    return lifted


def standing(connection: Connection, table: Any, name: str, *more: str) -> dict[str, Any] | None:
    """What the trail tells of the row, which is locked: two who act at once tell one after the other."""
    begin_immediate(connection)
    names = (*more,) or ("paused", "paused_by", "paused_until", "paused_reason")
    columns = [getattr(table, column) for column in names]
    row = connection.execute(select(*columns).where(table.name == name).with_for_update()).one_or_none()
    if row is None:
        return None
    return {
        key: utc_text(value) if isinstance(value, datetime) else value for key, value in row._mapping.items()
    }


def missing(connection: Connection, table: Any, name: str) -> Refused:
    """The refusal that names those which are there."""
    known = connection.execute(select(table.name).order_by(table.name).limit(20)).scalars().all()
    return Refused(
        f"there is no {WORDS[table]} {name[:200]!r}; there are: {', '.join(known) or 'none yet'}", "gone"
    )


def record(
    connection: Connection,
    verb: str,
    subject: str,
    by: Actor,
    reason: str | None,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """The trail's row about a queue or a view model."""
    entry = {"actor": by.name, "via": by.via, "verb": verb, "subject": subject[:400], "reason": reason}
    connection.execute(insert(TrailEntry).values(**entry, before=before, after=after))


def _pause(
    connection: Connection, table: Any, name: str, by: Actor, reason: str | None, until: datetime | None
) -> None:
    before = standing(connection, table, name)
    if before is None:
        raise missing(connection, table, name)
    values: dict[str, Any] = {
        "paused_by": by.name,
        "paused_at": stamp(),
        "paused_until": until,
        "paused_reason": reason,
    }
    connection.execute(update(table).where(table.name == name).values(paused=True, **values))
    after = standing(connection, table, name)
    record(connection, "pause", f"{WORDS[table]} {name}", by, reason, before, after)


def _resume(connection: Connection, table: Any, name: str, by: Actor, reason: str | None) -> None:
    before = standing(connection, table, name)
    if before is None:
        raise missing(connection, table, name)
    if not before["paused"]:
        raise Refused(f"the {WORDS[table]} {name} is not paused", "state")
    connection.execute(update(table).where(table.name == name).values(**CLEARED))
    after = standing(connection, table, name)
    record(connection, "resume", f"{WORDS[table]} {name}", by, reason, before, after)
