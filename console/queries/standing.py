"""What stands between a waiting ticket and a worker: the facts, read by index, nothing concluded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text, tuple_

from counterfoil.priority import NUMBERS
from counterfoil.tables import Leader, Process, Queue, Sample, Slot, TrailEntry, Version, ViewModelRecord
from counterfoil.ticket import Ticket

MOST_AHEAD = 1000


@dataclass(frozen=True)
class Standing:
    """The facts about one waiting ticket; `now` is the database's time, None means that it does not apply."""

    now: datetime
    queue: Row[Any] | None
    view_model: Row[Any] | None
    holder: Row[Any] | None
    """The lane's running ticket: id, started_at."""
    before: Row[Any] | None
    """The ticket that has the lane's turn: id, due_at."""
    held_by: Row[Any] | None
    slots_taken: int
    workers: list[Row[Any]]
    schedulers: list[Row[Any]]
    leader_until: datetime | None
    ahead: int
    rate: int | None
    """Tickets of its queue that finished within the last minute, by the last snapshot."""
    versions: list[str]
    """Versions of the application that know its view model, newest first."""


def standing(connection: Connection, row: Row[Any], now: datetime) -> Standing:
    """Read them."""
    processes = connection.execute(select(Process.__table__).where(Process.seen_until > now).limit(500)).all()
    return Standing(
        now,
        _first(connection, select(Queue.__table__).where(Queue.name == row.queue)),
        _first(connection, select(ViewModelRecord.__table__).where(ViewModelRecord.name == row.view_model)),
        _lane(connection, row, "counterfoil_tickets.state = 'running'"),
        None if row.turn else _lane(connection, row, "counterfoil_tickets.state = 'pending' AND turn"),
        _held_by(connection, row),
        connection.execute(
            select(func.count()).select_from(Slot).where(Slot.queue == row.queue, Slot.until > now)
        ).scalar_one(),
        [
            process
            for process in processes
            if process.sort == "worker" and row.queue in (process.queues or ())
        ],
        [process for process in processes if process.sort == "scheduler"],
        connection.execute(select(Leader.until).order_by(Leader.until.desc()).limit(1)).scalar(),
        _ahead(connection, row, now),
        _rate(connection, row),
        _versions(connection, row),
    )


def _rate(connection: Connection, row: Row[Any]) -> int | None:
    queues = connection.execute(select(Sample.queues).order_by(Sample.id.desc()).limit(1)).scalar()
    rate = (queues or {}).get(row.queue, {}).get("rate")
    return None if rate is None else int(rate)


def _versions(connection: Connection, row: Row[Any]) -> list[str]:
    newest = select(Version.app_version, Version.view_models).order_by(Version.first_seen_at.desc()).limit(50)
    return [name for name, known in connection.execute(newest) if row.view_model in (known or ())]


def _first(connection: Connection, query: Any) -> Row[Any] | None:
    return connection.execute(query).first()


def _lane(connection: Connection, row: Row[Any], where: str) -> Row[Any] | None:
    if row.lane is None:
        return None
    query = select(Ticket.id, Ticket.started_at, Ticket.due_at).where(
        text(where), Ticket.lane.is_not(None), Ticket.lane == row.lane, Ticket.id != row.id
    )
    return _first(connection, query.limit(1))


def _held_by(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    """The trail's word about the last hold; none when the application opened it held."""
    if row.state != "held":
        return None
    acts = select(TrailEntry.actor, TrailEntry.at, TrailEntry.reason).where(
        TrailEntry.ticket_id == row.id, TrailEntry.verb.in_(("hold", "stop"))
    )
    return _first(connection, acts.order_by(TrailEntry.id.desc()).limit(1))


def _ahead(connection: Connection, row: Row[Any], now: datetime) -> int:
    """Due candidates of its queue that are claimed before it, counted to a bound; index: the claim's."""
    if row.state != "pending" or row.queue is None or row.priority is None:
        return 0
    total = 0
    for priority in NUMBERS:
        if priority > row.priority or total >= MOST_AHEAD:
            break
        query = select(Ticket.id).where(
            text("counterfoil_tickets.state = 'pending' AND counterfoil_tickets.turn"),
            Ticket.queue == row.queue,
            Ticket.priority == priority,
            Ticket.due_at <= now,
        )
        if priority == row.priority:
            query = query.where(tuple_(Ticket.due_at, Ticket.id) < tuple_(row.due_at, row.id))
        inside = query.limit(MOST_AHEAD - total).subquery()
        total += connection.execute(select(func.count()).select_from(inside)).scalar_one()
    return total
