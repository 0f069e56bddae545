"""The world of the machine: the real database, emptied between examples, and a clock that can jump."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select, text, update

from counterfoil.clock import moment
from counterfoil.columns import EVIDENCE, Utc, utc_text
from counterfoil.tables import Drain, Queue, Slot, TrailEntry, ViewModelRecord
from counterfoil.ticket import Ticket
from tests import invariants
from tests.machine.application import POOLS, QUEUES

TICKETS = Ticket.__table__
_TIMES = [column for column in TICKETS.columns if isinstance(column.type, Utc) and column.computed is None]
_EMPTIED = (
    *("attempts", "logs", "elements", "params", "trail", "operation_items", "operations", "tickets"),
    *("drains", "slots", "batches", "tracebacks", "notices", "queues"),
)
_RESUMED = {
    "paused": False, "paused_by": None, "paused_at": None, "paused_until": None, "paused_reason": None,
}  # fmt: skip


def prepare(engine: Engine) -> None:
    """Once for a database: effects and history, and a trail that a jump may rewrite."""
    invariants.install(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE counterfoil_trail DISABLE TRIGGER USER"))
        else:
            for name in ("counterfoil_trail_no_update", "counterfoil_trail_no_delete"):
                connection.execute(text(f"DROP TRIGGER {name}"))


def empty(engine: Engine) -> None:
    """As it was after `prepare`, for the next example."""
    with engine.begin() as connection:
        for table in (*(f"counterfoil_{name}" for name in _EMPTIED), "effect", "history"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(update(ViewModelRecord).values(**_RESUMED))
        for name in QUEUES:
            connection.execute(
                text("INSERT INTO counterfoil_queues (name, pool_size) VALUES (:name, :size)"),
                {"name": name, "size": POOLS.get(name)},
            )


def rows(connection: Connection) -> dict[int, Any]:
    """Every ticket there is, with `clock`, the database's time."""
    found = connection.execute(select(*TICKETS.columns, moment().label("clock")).order_by(TICKETS.c.id))
    return {row.id: row for row in found}


def minutes(row: Any, name: str) -> float | None:
    """A time of a row as minutes from now."""
    value: datetime | None = getattr(row, name)
    return None if value is None else (value - row.clock).total_seconds() / 60


def clock(connection: Connection) -> datetime:
    return connection.execute(select(moment())).scalar_one()


def jump(connection: Connection, step: timedelta) -> None:
    """Let time pass: whatever names a time is so much earlier now, seen from the database's clock."""
    for row in connection.execute(select(TICKETS)).all():
        connection.execute(
            update(TICKETS)
            .where(TICKETS.c.id == row.id)
            .values({column.name: _earlier(getattr(row, column.name), step) for column in _TIMES})
        )
    for table, column in (
        (Drain, Drain.until),
        (Slot, Slot.until),
        (Queue, Queue.paused_until),
        (ViewModelRecord, ViewModelRecord.paused_until),
    ):
        # The earliest first: what moves to another's place is not moved again.
        there = select(column).where(column.is_not(None)).distinct().order_by(column)
        for value in connection.execute(there).scalars().all():
            connection.execute(update(table).where(column == value).values({column: _earlier(value, step)}))
    told = select(TrailEntry.id, TrailEntry.before, TrailEntry.after)
    for entry in connection.execute(told).all():
        connection.execute(
            update(TrailEntry)
            .where(TrailEntry.id == entry.id)
            .values(before=_told_earlier(entry.before, step), after=_told_earlier(entry.after, step))
        )


def _earlier(value: datetime | None, step: timedelta) -> datetime | None:
    return value if value is None or value == EVIDENCE else value - step


def _told_earlier(told: dict[str, Any] | None, step: timedelta) -> dict[str, Any] | None:
    names = {column.name for column in _TIMES}
    found = dict(told or {})
    for name in names & found.keys():
        if found[name] is not None:
            moved = _earlier(datetime.fromisoformat(found[name]).replace(tzinfo=UTC), step)
            found[name] = moved and utc_text(moved)
    return found if told is not None else None


def effects(connection: Connection) -> dict[int, int]:
    """How many effects each ticket has had inside."""
    found = connection.execute(text("SELECT ticket_id, count(*) FROM effect GROUP BY ticket_id"))
    return {row[0]: row[1] for row in found}


def verbs(connection: Connection) -> dict[int, list[str]]:
    """What the trail tells of each ticket, oldest first."""
    found: dict[int, list[str]] = {}
    query = select(TrailEntry.ticket_id, TrailEntry.verb).where(TrailEntry.ticket_id.is_not(None))
    for ticket_id, verb in connection.execute(query.order_by(TrailEntry.id)):
        found.setdefault(ticket_id, []).append(verb)
    return found


def differences(seen: dict[str, Any], wanted: dict[str, Any]) -> Iterable[str]:
    """Names in which these differ."""
    return (
        f"{name} is {seen[name]!r}, not {wanted[name]!r}" for name in wanted if seen[name] != wanted[name]
    )
