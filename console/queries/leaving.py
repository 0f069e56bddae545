"""Receipts of tickets that simply succeeded and leave soon: a number, and the first of them on demand."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from counterfoil.ticket import Ticket

from .counts import MOST, Number
from .tickets import SIZE, TicketRow, _rows

_CLEAN = text(
    "counterfoil_tickets.done IS NOT NULL AND counterfoil_tickets.state = 'done' "
    "AND NOT counterfoil_tickets.trouble AND counterfoil_tickets.kept IS NULL"
)


def clean_number(connection: Connection, until: datetime) -> Number:
    """How many leave until then, exact to 10,000; index counterfoil_tickets_purge."""
    inside = select(Ticket.id).where(*_leaving(until)).limit(MOST + 1).subquery()
    found = connection.execute(select(func.count()).select_from(inside)).scalar_one()
    return Number(min(found, MOST), found > MOST)


def clean(connection: Connection, until: datetime) -> list[TicketRow]:
    """The ones that leave first."""
    order = (Ticket.delete_time, Ticket.id)
    return list(connection.execute(_rows().where(*_leaving(until)).order_by(*order).limit(SIZE)))


def _leaving(until: datetime) -> tuple[Any, ...]:
    return (_CLEAN, Ticket.delete_time <= until)
