"""Pausing and resuming a queue: who, why, until when stand on the queue and in the trail.

A paused queue gives no lease and no claim; drains read it at their start and every second, and what is
running ends as it would. A pause whose `paused_until` is past counts as none: nobody has to lift it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from .acts import PATIENCE_SECONDS, Actor, Refused
from .clock import stamp
from .columns import NaiveTime, utc_text
from .database import wait_at_most
from .sqlite import begin_immediate
from .tables import Queue, TrailEntry

_TOLD = ("paused", "paused_by", "paused_until", "paused_reason")


def pause(connection: Connection, name: str, by: Actor, reason: str, until: datetime | None = None) -> None:
    """Let nothing of the queue start, until `resume` or the time `until` (aware).

    In the caller's transaction. A further pause replaces reason and time. Raises Refused: no such queue, no
    reason, a time that is past.
    """
    if not reason.strip():
        raise Refused("a pause needs a reason: it stands on every ticket that waits for it", "argument")
    if until is not None:
        if until.tzinfo is None:
            raise Refused(str(NaiveTime(until)), "argument")
        if until <= datetime.now(UTC):
            raise Refused(f"{until.isoformat()} is past: a pause until then would be none", "argument")
    values = {
        "paused": True,
        "paused_by": by.name,
        "paused_at": stamp(),
        "paused_until": until,
        "paused_reason": reason.strip(),
    }
    _change(connection, name, by, "pause", values, reason.strip())


def resume(connection: Connection, name: str, by: Actor, reason: str | None = None) -> bool:
    """Let the queue run again; False when it was not paused. In the caller's transaction. Raises Refused."""
    if not _locked(connection, name)["paused"]:
        return False
    values = dict.fromkeys(("paused_by", "paused_at", "paused_until", "paused_reason")) | {"paused": False}
    _change(connection, name, by, "resume", values, (reason or "").strip() or None)
    return True


def _change(
    connection: Connection, name: str, by: Actor, verb: str, values: dict[str, Any], reason: str | None
) -> None:
    before = _locked(connection, name)
    connection.execute(update(Queue).where(Queue.name == name).values(values))
    connection.execute(
        insert(TrailEntry).values(
            actor=by.name,
            via=by.via,
            verb=verb,
            subject=f"queue {name}",
            reason=reason,
            before=before,
            after=_locked(connection, name),
        )
    )


def _locked(connection: Connection, name: str) -> dict[str, Any]:
    """What the trail tells of the queue, its row locked."""
    wait_at_most(connection, PATIENCE_SECONDS[connection.dialect.name])
    begin_immediate(connection)
    columns = [getattr(Queue, column) for column in _TOLD]
    row = connection.execute(select(*columns).where(Queue.name == name).with_for_update()).one_or_none()
    if row is None:
        known = connection.execute(select(Queue.name).order_by(Queue.name).limit(20)).scalars().all()
        raise Refused(
            f"there is no queue {name[:100]!r}; there are: {', '.join(known) or 'none yet'}", "gone"
        )
    told = dict(row._mapping)
    if told["paused_until"] is not None:
        told["paused_until"] = utc_text(told["paused_until"])
    return told
