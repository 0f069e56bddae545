"""Notices: who is told that a ticket needs them, or that their batch is complete.

A row of the outbox is written in the transaction of the move, so that a notice stands there if and only if
the move does. The scheduler's postman makes messages of them, at most one a quarter of an hour for a person
and a group of errors, with their number, and sends each after the commit. A ticket that succeeds costs
nothing here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from .clock import later, moment, stamp
from .errors import safe
from .tables import Batch, Notice
from .tables.notices import OPEN, WAITS
from .ticket import Ticket

VERBS = frozenset(("error", "fail", "fail by the work", "lapse", "stop"))
"""Moves that may leave a ticket errored or failed; one that expires is no longer needed, and tells nobody."""
STATES = ("errored", "failed")
QUIET = timedelta(minutes=15)
CLAIM = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
ATTEMPTS = 8
ERROR_LENGTH = 300


@dataclass(frozen=True)
class Message:
    """One message to one person by one channel; `attempt` is the number of this try."""

    id: int
    person: str
    channel: str
    about: dict[str, Any]
    attempt: int


def note_ticket(connection: Connection, ticket_id: int, state: str, actor: str | None) -> None:
    """The ticket is errored or failed now: tell who is in charge of it, unless it was that person's act."""
    topic = func.coalesce(Ticket.fingerprint, "ticket:" + Ticket.view_model)
    wanted = select(Ticket.in_charge, text(f"'{state}'"), func.substr(topic, 1, 100), Ticket.id).where(
        Ticket.id == ticket_id, Ticket.in_charge.is_not(None), Ticket.in_charge != (actor or "")
    )
    connection.execute(insert(Notice).from_select(["person", "occasion", "topic", "ticket_id"], wanted))


def note_batch(connection: Connection, batch_id: int) -> None:
    """The batch is complete: tell who opened it."""
    topic = text(f"'batch:{int(batch_id)}'")
    wanted = select(Batch.opened_by, text("'batch'"), topic, Batch.id)
    wanted = wanted.where(Batch.id == batch_id, Batch.opened_by.is_not(None))
    connection.execute(insert(Notice).from_select(["person", "occasion", "topic", "batch_id"], wanted))


def waiting(connection: Connection, most: int = 200) -> list[Row[Any]]:
    """Persons and topics with something to tell who have heard nothing of it for a quarter of an hour."""
    told = Notice.__table__.alias()
    lately = select(told.c.id).where(
        told.c.person == Notice.person,
        told.c.topic == Notice.topic,
        told.c.channel.is_not(None),
        told.c.at > later(-QUIET),
    )
    groups = select(Notice.person, Notice.topic, func.max(Notice.id).label("through"))
    groups = groups.where(text(WAITS), ~lately.exists()).group_by(Notice.person, Notice.topic)
    return list(connection.execute(groups.limit(most)))


def collect(connection: Connection, group: Row[Any], channels: Iterable[str]) -> int:
    """Make one message a channel of all that waits for a person about a topic; how many it tells of.

    0 when another scheduler was faster.
    """
    mine = (Notice.person == group.person, Notice.topic == group.topic, text(WAITS))
    found = delete(Notice).where(*mine, Notice.id <= group.through)
    rows = connection.execute(
        found.returning(Notice.id, Notice.occasion, Notice.ticket_id, Notice.batch_id)
    ).fetchall()
    if not rows:
        return 0
    last = max(rows, key=lambda row: row.id)
    about = _about(connection, last) | {"person": group.person, "topic": group.topic, "count": len(rows)}
    values = {
        "person": group.person,
        "topic": group.topic,
        "occasion": last.occasion,
        "ticket_id": last.ticket_id,
        "batch_id": last.batch_id,
        "count": len(rows),
        "message": about,
    }
    for channel in channels:
        connection.execute(insert(Notice).values(**values, channel=channel, next_at=stamp()))
    return len(rows)


def claim(connection: Connection) -> Message | None:
    """The next message that is due, for this caller alone until its claim ends; None when none is."""
    due = select(Notice.id, Notice.attempts).where(text(OPEN), Notice.next_at <= moment())
    for found in connection.execute(due.order_by(Notice.next_at, Notice.id).limit(10)).fetchall():
        same = (Notice.id == found.id, Notice.attempts == found.attempts, text(OPEN))
        row = connection.execute(
            update(Notice)
            .where(*same)
            .values(attempts=found.attempts + 1, next_at=later(CLAIM))
            .returning(Notice.person, Notice.channel, Notice.message)
        ).fetchone()
        if row is not None:
            return Message(found.id, row.person, row.channel, row.message, found.attempts + 1)
    return None


def sent(connection: Connection, message: Message) -> None:
    """It is out; this try's claim must still hold."""
    _settle(connection, message, sent_at=stamp(), error=None)


def failed(connection: Connection, message: Message, why: str, final: bool = False) -> None:
    """It could not be sent: tried again with back-off, until the last attempt's error is kept."""
    told = safe(why, 2000)
    if final or message.attempt >= ATTEMPTS:
        _settle(connection, message, failed_at=stamp(), error=told)
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (message.attempt - 1))
    _settle(connection, message, next_at=later(pause), error=told)


def _settle(connection: Connection, message: Message, **values: Any) -> None:
    same = (Notice.id == message.id, Notice.attempts == message.attempt, text(OPEN))
    connection.execute(update(Notice).where(*same).values(**values))


def _about(connection: Connection, row: Any) -> dict[str, Any]:
    """What a message says of its latest occasion; a ticket that was purged since leaves its number."""
    if row.batch_id is not None:
        label = connection.execute(select(Batch.label).where(Batch.id == row.batch_id)).scalar()
        return {"occasion": row.occasion, "batch_id": row.batch_id, "label": label}
    columns = (Ticket.view_model, Ticket.root_id, Ticket.root_label, Ticket.error)
    ticket = connection.execute(select(*columns).where(Ticket.id == row.ticket_id)).mappings().first()
    found = dict(ticket or {}) | {"occasion": row.occasion, "ticket_id": row.ticket_id}
    return found | {"error": safe(str(found.get("error") or ""), ERROR_LENGTH)}
