"""One ticket and everything that is told about it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from counterfoil import own_columns
from counterfoil.tables import Attempt, Drain, Element, Log, Traceback, TrailEntry, ViewModelRecord
from counterfoil.ticket import Ticket

from .roots import root_link
from .tickets import whole_rows

MOST_LINES = 500
MOST_OTHERS = 10


@dataclass(frozen=True)
class Most:
    """How many rows of each sort are read, the newest."""

    attempts: int
    lines: int
    entries: int
    elements: int


AS_SHOWN = Most(200, MOST_LINES, 200, 200)
WHOLE = Most(10_000, 10_000, 10_000, 10_000)
"""For a file: a bound all the same."""


@dataclass(frozen=True)
class Told:
    """A ticket's row, and its rows elsewhere; each list is bounded and the newest are in it."""

    row: Row[Any]
    attempts: list[Row[Any]]
    tracebacks: dict[str, str]
    logs: list[Row[Any]]
    trail: list[Row[Any]]
    others: list[Row[Any]]
    drain: Row[Any] | None
    root_link: str | None
    view_model: Row[Any] | None
    elements: list[str]
    element_count: int
    own: dict[str, Any]


def one(connection: Connection, ticket_id: int, most: Most = AS_SHOWN) -> Told | None:
    """The ticket; None when there is no row of that id."""
    row = connection.execute(select(Ticket.__table__).where(Ticket.id == ticket_id)).first()
    if row is None:
        return None
    attempts = _newest(connection, Attempt, ticket_id, most.attempts)
    named = {attempt.traceback_id for attempt in attempts if attempt.traceback_id}
    texts = select(Traceback.id, Traceback.text).where(Traceback.id.in_(named))
    drain = None
    if row.state == "running" and row.drain_id:
        drain = connection.execute(select(Drain.__table__).where(Drain.id == row.drain_id)).first()
    known = select(ViewModelRecord.__table__).where(ViewModelRecord.name == row.view_model)
    return Told(
        row,
        attempts,
        {found.id: found.text for found in connection.execute(texts)} if named else {},
        _newest(connection, Log, ticket_id, most.lines),
        trail_of(connection, ticket_id, most.entries),
        _others(connection, row),
        drain,
        root_link(connection, row.root_id),
        connection.execute(known).first(),
        *_elements(connection, ticket_id, most.elements),
        own_columns.read(connection, row.kind, [row.id]).get(row.id, {}),
    )


def _elements(connection: Connection, ticket_id: int, most: int) -> tuple[list[str], int]:
    """The first of its elements, in order, and how many there are."""
    mine = Element.ticket_id == ticket_id
    first = select(Element.element_id).where(mine).order_by(Element.position).limit(most)
    names = list(connection.execute(first).scalars())
    if len(names) < most:
        return names, len(names)
    return names, connection.execute(select(func.count()).where(mine)).scalar_one()


def trail_of(connection: Connection, ticket_id: int, most: int = AS_SHOWN.entries) -> list[Row[Any]]:
    """What the trail tells of a ticket, also when it is purged; oldest first."""
    return _newest(connection, TrailEntry, ticket_id, most)


def was_given_out(connection: Connection, ticket_id: int) -> bool:
    """Whether an id was ever given out: no row bears it now, but one did (or its transaction rolled back)."""
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = 'counterfoil_tickets'")
    else:
        query = text(
            "SELECT pg_sequence_last_value(pg_get_serial_sequence('counterfoil_tickets', 'id')::regclass)"
        )
    return ticket_id <= (connection.execute(query).scalar() or 0)


def _newest(connection: Connection, table: Any, ticket_id: int, most: int) -> list[Row[Any]]:
    query = select(table.__table__).where(table.ticket_id == ticket_id)
    order = (table.claim.desc(), table.id.desc()) if table is Attempt else (table.id.desc(),)
    return list(reversed(connection.execute(query.order_by(*order).limit(most)).all()))


def _others(connection: Connection, row: Row[Any]) -> list[Row[Any]]:
    if row.root_id is None:
        return []
    same = whole_rows().where(Ticket.root_id == row.root_id, Ticket.id != row.id)
    return list(connection.execute(same.order_by(Ticket.id.desc()).limit(MOST_OTHERS)))
