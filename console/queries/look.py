"""One filter as one request looks for it: what its page and its number both need, asked once."""

from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, any_, literal

from counterfoil.filters import TicketFilter
from counterfoil.keyset import Place
from counterfoil.search.lookup import lookup
from counterfoil.ticket import Ticket
from counterfoil.walks import Scan, edge

STRETCH = 10_000
"""Rows of an index that one request looks through for what the index cannot bound."""


class Look:
    """The walks of a filter, how far each is walked, and the few tickets that an index of its words names."""

    def __init__(self, connection: Connection, wanted: TicketFilter, now: datetime) -> None:
        self.connection = connection
        self.wanted = wanted
        self.now = now
        self.scans = wanted.scans(now)
        self._edges: dict[Any, Place | None] = {}

    @property
    def is_bounded(self) -> bool:
        """Whether the walks' indexes bound all that the filter asks."""
        return not any(scan.residual for scan in self.scans)

    @cached_property
    def ids(self) -> list[int] | None:
        """Ids among which are all of its tickets; None where no index of words tells them."""
        return None if self.is_bounded else lookup(self.connection, self.wanted.search)

    def edge(self, scan: Scan, place: Place | None = None, forward: bool = True) -> Place | None:
        """The place of row number `STRETCH` of a walk from a place on; None when it has fewer rows."""
        key = (id(scan), place, forward)
        if key not in self._edges:
            self._edges[key] = edge(self.connection, scan, STRETCH, place, forward)
        return self._edges[key]


def among(connection: Connection, ids: list[int]) -> ColumnElement[bool]:
    """The ticket is one of these.

    On PostgreSQL as one value: psycopg reads a text of more than 50 values anew each time, which took longer
    than fetching the rows.
    """
    if connection.dialect.name == "postgresql":
        return Ticket.id == any_(literal(ids, ARRAY(BigInteger)))
    return Ticket.id.in_(ids)
