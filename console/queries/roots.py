"""One root: what its tickets say of it. Everything is read from the newest of them, up to a bound."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row, func, select

from counterfoil.tables import Batch, ErrorGroup, RootClass
from counterfoil.ticket import STATES, Ticket

from .counts import Number

MOST = 10_000
"""Tickets of a root, newest first, that are counted."""

MOST_BATCHES = 20
MOST_ERRORS = 20


@dataclass(frozen=True)
class RootTold:
    """What is known of a root; `of` has a number for each state, `more`: it has tickets beyond `MOST`."""

    root_id: str
    label: str | None
    link: str | None
    of: dict[str, int]
    more: bool
    batches: list[Row[Any]]
    errors: list[Row[Any]]

    @property
    def total(self) -> Number:
        """How many tickets it has."""
        return Number(sum(self.of.values()), self.more)


def root(connection: Connection, root_id: str) -> RootTold:
    """What the tickets of a root tell. Index: counterfoil_tickets_root."""
    newest = (
        select(Ticket.id, Ticket.state, Ticket.batch_id, Ticket.fingerprint, Ticket.root_label)
        .where(Ticket.root_id == root_id)
        .order_by(Ticket.id.desc())
        .limit(MOST + 1)
        .subquery()
    )
    rows = connection.execute(select(newest.c.state, func.count()).group_by(newest.c.state))
    counted: dict[str, int] = {row[0]: row[1] for row in rows}
    labelled = select(newest.c.root_label).where(newest.c.root_label.is_not(None))
    label = connection.execute(labelled.order_by(newest.c.id.desc()).limit(1)).scalar()
    batch_ids = select(newest.c.batch_id).where(newest.c.batch_id.is_not(None)).distinct()
    batches = select(Batch.id, Batch.label, Batch.opened_at, Batch.closed_at).where(Batch.id.in_(batch_ids))
    causes = (
        select(newest.c.fingerprint, func.count().label("tickets"))
        .where(newest.c.fingerprint.is_not(None), newest.c.state == "errored")
        .group_by(newest.c.fingerprint)
        .subquery()
    )
    errors = (
        select(ErrorGroup.fingerprint, ErrorGroup.class_name, ErrorGroup.error, causes.c.tickets)
        .join(causes, causes.c.fingerprint == ErrorGroup.fingerprint)
        .order_by(causes.c.tickets.desc(), ErrorGroup.fingerprint)
    )
    return RootTold(
        root_id,
        label,
        root_link(connection, root_id),
        {state: counted[state] for state in STATES if state in counted},
        sum(counted.values()) > MOST,
        list(connection.execute(batches.order_by(Batch.id.desc()).limit(MOST_BATCHES))),
        list(connection.execute(errors.limit(MOST_ERRORS))),
    )


def root_link(connection: Connection, root_id: str | None) -> str | None:
    """The address that the application declared for objects of this class, if it is one of the web.

    A part of the address may be anything that somebody has written into a ticket: it cannot leave its place.
    """
    name, mark, key = (root_id or "").partition("!")
    if not mark:
        return None
    template = connection.execute(select(RootClass.link).where(RootClass.name == name)).scalar() or ""
    relative = template.startswith("/") and not template.startswith(("//", "/\\"))
    if not relative and not template.startswith(("https://", "http://")):
        return None
    return str(template.replace("{key}", quote(key, safe="%,:@+")))
