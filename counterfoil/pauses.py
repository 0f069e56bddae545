"""Pause and resume of a queue: who, why, until when; with its row in the trail.

A paused queue's tickets wait unharmed. Drains read the pause at their start and every second, so what runs is
finished and little more is begun.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from .acts import Actor, Refused
from .catalogue import name_queues
from .clock import stamp
from .columns import utc_text
from .sqlite import begin_immediate
from .tables import Queue, TrailEntry


def pause_queue(
    connection: Connection, name: str, by: Actor, reason: str | None = None, until: datetime | None = None
) -> None:
    """Pause, in the caller's transaction; a queue that is not there yet is made. Raises Refused."""
    _named(name)
    name_queues(connection, [name])
    before = _standing(connection, name)
    values: dict[str, Any] = {
        "paused_by": by.name,
        "paused_at": stamp(),
        "paused_until": until,
        "paused_reason": reason,
    }
    connection.execute(update(Queue).where(Queue.name == name).values(paused=True, **values))
    _record(connection, "pause", name, by, reason, before, _standing(connection, name))


def resume_queue(connection: Connection, name: str, by: Actor, reason: str | None = None) -> None:
    """Resume, in the caller's transaction. Raises Refused: there is no such queue, or it is not paused."""
    before = _standing(connection, name)
    if before is None:
        known = connection.execute(select(Queue.name).order_by(Queue.name).limit(20)).scalars().all()
        raise Refused(f"there is no queue {name!r}; there are: {', '.join(known) or 'none yet'}", "gone")
    if not before["paused"]:
        raise Refused(f"the queue {name} is not paused", "state")
    cleared = {"paused_by": None, "paused_at": None, "paused_until": None, "paused_reason": None}
    connection.execute(update(Queue).where(Queue.name == name).values(paused=False, **cleared))
    _record(connection, "resume", name, by, reason, before, _standing(connection, name))


def _standing(connection: Connection, name: str) -> dict[str, Any] | None:
    """What the trail tells of the queue, its row locked: two who pause at once tell one after the other."""
    begin_immediate(connection)
    columns = (Queue.paused, Queue.paused_by, Queue.paused_until, Queue.paused_reason)
    row = connection.execute(select(*columns).where(Queue.name == name).with_for_update()).one_or_none()
    if row is None:
        return None
    return dict(row._mapping) | {"paused_until": row.paused_until and utc_text(row.paused_until)}


def _named(name: str) -> None:
    if not 0 < len(name.strip()) <= 100:
        raise Refused(f"{name[:120]!r} is no queue's name: 1 to 100 characters", "argument")


def _record(
    connection: Connection,
    verb: str,
    name: str,
    by: Actor,
    reason: str | None,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    entry = {"actor": by.name, "via": by.via, "verb": verb, "subject": f"queue {name}", "reason": reason}
    connection.execute(insert(TrailEntry).values(**entry, before=before, after=after))
