"""Operations: the newest, one, and what became of each of its tickets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from counterfoil.clock import moment
from counterfoil.tables import Operation, OperationItem, Process
from counterfoil.ticket import Ticket

SIZE = 50
STRETCH = 10_000
MOST_NOW = 1_000
"""Tickets of an operation that are asked how they are now, each by its id."""


@dataclass(frozen=True)
class Items:
    """A page of an operation's tickets; `after` is where the next one begins, None at the end."""

    rows: list[Row[Any]]
    after: int | None


def recent(connection: Connection, before: int | None = None) -> list[Row[Any]]:
    """The newest operations, one more than a page if there are more."""
    query = select(Operation.__table__).order_by(Operation.id.desc()).limit(SIZE + 1)
    return list(connection.execute(query.where(Operation.id < before) if before else query))


def one(connection: Connection, operation_id: int) -> Row[Any] | None:
    """The operation; None when there is none of that id."""
    return connection.execute(select(Operation.__table__).where(Operation.id == operation_id)).first()


def undos(connection: Connection, operation_id: int) -> list[Row[Any]]:
    """Those that take it back, the newest first. Index: counterfoil_operations_undo."""
    query = select(Operation.__table__).where(Operation.undo_of == operation_id)
    return list(connection.execute(query.order_by(Operation.id.desc()).limit(10)))


def items(connection: Connection, operation_id: int, after: int = 0, result: str | None = None) -> Items:
    """Its tickets by id; with a result, only those, looked for in a bounded stretch."""
    of = (OperationItem.operation_id == operation_id, OperationItem.ticket_id > after)
    query = select(OperationItem.__table__).where(*of).order_by(OperationItem.ticket_id)
    edge = None
    if result:
        ahead = select(OperationItem.ticket_id).where(*of).order_by(OperationItem.ticket_id)
        edge = connection.execute(ahead.offset(STRETCH - 1).limit(1)).scalar()
        query = query.where(OperationItem.result == result)
        if edge is not None:
            query = query.where(OperationItem.ticket_id <= edge)
    rows = list(connection.execute(query.limit(SIZE + 1)))
    if len(rows) > SIZE:
        return Items(rows[:SIZE], rows[SIZE - 1].ticket_id)
    return Items(rows, edge)


def states_now(connection: Connection, operation_id: int) -> list[tuple[str | None, int]]:
    """State -> how many of the first tickets that it changed are in it now, most first; None: purged."""
    first = (
        select(OperationItem.ticket_id, OperationItem.result)
        .where(OperationItem.operation_id == operation_id)
        .order_by(OperationItem.ticket_id)
        .limit(STRETCH)
        .subquery()
    )
    changed = select(first.c.ticket_id).where(first.c.result == "changed").limit(MOST_NOW).subquery()
    number = func.count().label("number")
    ticket = Ticket.__table__
    query = select(ticket.c.state, number).select_from(changed)
    joined = query.outerjoin(ticket, ticket.c.id == changed.c.ticket_id)
    rows = connection.execute(joined.group_by(ticket.c.state).order_by(number.desc(), ticket.c.state))
    return [(state, n) for state, n in rows]


def waiting(
    connection: Connection, operation_id: int, states: Iterable[str], pauses: list[Row[Any]]
) -> list[tuple[Row[Any], int]]:
    """Pauses that keep its tickets in these states from running, and how many of the first `MOST_NOW`."""
    if not pauses:
        return []
    item, ticket = OperationItem, Ticket.__table__
    every = select(item.ticket_id, item.state).where(item.operation_id == operation_id)
    first = every.order_by(item.ticket_id).limit(MOST_NOW).subquery()
    found = connection.execute(
        select(ticket.c.queue, ticket.c.view_model, func.count().label("number"))
        .join_from(first, ticket, ticket.c.id == first.c.ticket_id)
        .where(first.c.state.in_(states))
        .group_by(ticket.c.queue, ticket.c.view_model)
    ).all()
    told = []
    for pause in pauses:
        field = {"queue": "queue", "view model": "view_model"}.get(pause.sort)
        number = sum(row.number for row in found if field and getattr(row, field) == pause.name)
        if number:
            told.append((pause, number))
    return told


def scheduler_lives(connection: Connection) -> bool:
    """Whether somebody is there to preview and carry out."""
    live = select(func.count()).where(Process.sort == "scheduler", Process.seen_until > moment())
    return bool(connection.execute(live).scalar_one())
