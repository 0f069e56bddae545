"""Receipts of tickets that simply succeeded and leave soon: a number, and the first of them on demand."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text

from counterfoil.ticket import Ticket

from .counts import MOST, Number
from .tickets import SIZE, TicketRow, whole_rows

# Not "state = 'done'": SQLite would walk that state's index, instead of the purge's up to the window's end.
_CLEAN = text(
    "counterfoil_tickets.done IS NOT NULL AND NOT counterfoil_tickets.trouble "
    "AND counterfoil_tickets.state NOT IN ('errored','expired','failed') "
    "AND counterfoil_tickets.kept IS NULL"
)
_FIRST = (Ticket.delete_time, Ticket.id)


def clean_number(connection: Connection, until: datetime) -> Number:
    """How many leave until then, exact to 10,000; index counterfoil_tickets_purge."""
    inside = select(Ticket.id).where(*_leaving(until)).order_by(*_FIRST).limit(MOST + 1).subquery()
    found = connection.execute(select(func.count()).select_from(inside)).scalar_one()
    return Number(min(found, MOST), found > MOST)


def clean(connection: Connection, until: datetime) -> list[TicketRow]:
    """The ones that leave first."""
    return list(connection.execute(whole_rows().where(*_leaving(until)).order_by(*_FIRST).limit(SIZE)))


def _leaving(until: datetime) -> tuple[Any, ...]:
    return (_CLEAN, Ticket.delete_time <= until)
