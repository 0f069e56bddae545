"""What an operator does with a schedule: pause, resume, run now; each with its row in the trail.

A paused schedule lets its fires pass: they are not caught up when it is resumed. Run now plants a ticket
besides the fires, also while it is paused.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from .acts import Actor, Refused
from .clock import stamp
from .columns import utc_text
from .planting import open_ticket
from .sqlite import begin_immediate
from .tables import ScheduleRecord, TrailEntry

TOLD = ("paused", "paused_by", "paused_until", "paused_reason")


def pause_schedule(
    connection: Connection, name: str, by: Actor, reason: str | None = None, until: datetime | None = None
) -> None:
    """Pause, in the caller's transaction; a further pause replaces the reason. Raises Refused."""
    before = _standing(connection, name)
    values: dict[str, Any] = {"paused_by": by.name, "paused_at": stamp(), "paused_until": until}
    _set(connection, name, paused=True, paused_reason=reason, **values)
    _record(connection, "pause", name, by, reason, before, _standing(connection, name))


def resume_schedule(connection: Connection, name: str, by: Actor, reason: str | None = None) -> None:
    """Resume, in the caller's transaction. Raises Refused: there is no such schedule, it is not paused."""
    before = _standing(connection, name)
    if not before["paused"]:
        raise Refused(f"the schedule {name} is not paused", "state")
    _set(
        connection, name, paused=False, paused_by=None, paused_at=None, paused_until=None, paused_reason=None
    )
    _record(connection, "resume", name, by, reason, before, _standing(connection, name))


def run_now(
    connection: Connection, name: str, by: Actor, reason: str | None = None, seen: int | None = None
) -> int:
    """Plant its ticket at once, in the caller's transaction; the ticket's id.

    `seen`: the latest ticket that the person saw (0: none), so that a double click plants one. Raises
    Refused.
    """
    standing = _standing(connection, name)
    latest = standing.pop("last_ticket_id")
    if seen is not None and seen != (latest or 0):
        raise Refused(f"the schedule {name} has planted ticket {latest} since this page was made", "moved")
    row = connection.execute(select(ScheduleRecord.__table__).where(ScheduleRecord.name == name)).one()
    ticket_id = open_ticket(connection, row, by.name, by.via)
    assert ticket_id is not None, "without a token nothing stands in its way"
    _set(connection, name, last_ticket_id=ticket_id, last_planted_at=stamp())
    after = {"last_ticket_id": ticket_id}
    _record(connection, "run-now", name, by, reason, {"last_ticket_id": latest}, after)
    return ticket_id


def _standing(connection: Connection, name: str) -> dict[str, Any]:
    """What the trail tells of it, its row locked: two who act at once do so one after the other."""
    begin_immediate(connection)
    columns = [getattr(ScheduleRecord, column) for column in (*TOLD, "last_ticket_id")]
    row = connection.execute(
        select(*columns).where(ScheduleRecord.name == name).with_for_update()
    ).one_or_none()
    if row is None:
        known = connection.scalars(select(ScheduleRecord.name).order_by(ScheduleRecord.name).limit(20)).all()
        raise Refused(f"there is no schedule {name!r}; there are: {', '.join(known) or 'none yet'}", "gone")
    return dict(row._mapping) | {"paused_until": row.paused_until and utc_text(row.paused_until)}


def _set(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(update(ScheduleRecord).where(ScheduleRecord.name == name).values(**values))


def _record(
    connection: Connection,
    verb: str,
    name: str,
    by: Actor,
    reason: str | None,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    entry = {"actor": by.name, "via": by.via, "verb": verb, "subject": f"schedule {name}", "reason": reason}
    connection.execute(insert(TrailEntry).values(**entry, before=before, after=after))
