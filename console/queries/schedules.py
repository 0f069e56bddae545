"""The recurring tickets: when each fires, and what its last fire became."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from counterfoil.clock import stamp
from counterfoil.planting import upcoming
from counterfoil.tables import ScheduleRecord
from counterfoil.ticket import Ticket

MOST = 500


@dataclass(frozen=True)
class Schedule:
    """A schedule as it stands now. `state` is its last ticket's, None when there is none or it was purged.

    `gone`: no live worker declares it; it plants nothing while others live.
    """

    row: Row[Any]
    paused: bool
    gone: bool
    fires: Sequence[datetime]
    state: str | None


def schedules(connection: Connection) -> list[Schedule]:
    """By name; their last tickets are looked up by id."""
    now: datetime = connection.execute(select(stamp())).scalar_one()
    query = select(ScheduleRecord.__table__).order_by(ScheduleRecord.name).limit(MOST)
    rows = list(connection.execute(query))
    last = [row.last_ticket_id for row in rows if row.last_ticket_id is not None]
    states = {
        row.id: row.state
        for row in connection.execute(select(Ticket.id, Ticket.state).where(Ticket.id.in_(last)))
    }
    return [
        Schedule(
            row,
            bool(row.paused and (row.paused_until is None or row.paused_until > now)),
            row.known_until is not None and row.known_until <= now,
            upcoming(row, now),
            states.get(row.last_ticket_id),
        )
        for row in rows
    ]
