"""Opening a ticket by a call: params as keyword arguments, at most once by an idempotence token."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, scoped_session

from .flood_guard import FloodGuard
from .options import WrongOption, current_ticket
from .saving import complete, connection_of, take_in_hand
from .tables import Batch
from .ticket import Ticket

__all__ = ["current_ticket", "open_ticket"]

ROUNDS = 10


class TokenContended(RuntimeError):
    """Other transactions opened and gave up a ticket with the same token, again and again."""


def open_ticket(
    session: Session | scoped_session[Any],
    view_model: Any,
    *,
    root: Any = None,
    params: dict[str, Any] | None = None,
    execute_earliest: datetime | timedelta | None = None,
    keep_receipt_minutes: int | None = None,
    keep: bool = False,
    queue: str | None = None,
    priority: str | int | None = None,
    lane: str | None = None,
    expires_at: datetime | timedelta | None = None,
    staged: bool = False,
    idempotence_token: str | None = None,
    opened_by: str | None = None,
    in_charge: str | None = None,
    max_attempts: int | None = None,
    elements: Iterable[Any] = (),
    batch: Batch | int | bool | None = None,
    guard: bool | str | FloodGuard = False,
    encrypted: bool | str | None = None,
    **named: Any,
) -> Ticket:
    """Open a ticket in the session's transaction; `named` are the work's params, `params` their long form.

    Without a token it is added to the session as by `session.add(Ticket(...))`. With an `idempotence_token`
    the session is flushed, and the ticket that exists for (view model, token) is returned instead of a second
    one; of two concurrent openers one waits for the other's commit or rollback. A token is free again once
    its ticket is expired or purged. Options and errors are Ticket's.
    """
    twice = sorted(set(named) & set(params or ()))
    if twice:
        raise WrongOption(f"the param {twice[0]!r} is given by name and in params=: give it once")
    ticket = Ticket(
        root=root,
        view_model=view_model,
        params={**(params or {}), **named},
        execute_earliest=execute_earliest,
        keep_receipt_minutes=keep_receipt_minutes,
        keep=keep,
        queue=queue,
        priority=priority,
        lane=lane,
        expires_at=expires_at,
        staged=staged,
        idempotence_token=idempotence_token,
        opened_by=opened_by,
        in_charge=in_charge,
        max_attempts=max_attempts,
        elements=elements,
        batch=batch,
        guard=guard,
        encrypted=encrypted,
    )
    if idempotence_token is None:
        session.add(ticket)
        return ticket
    return _open_once(session() if isinstance(session, scoped_session) else session, ticket)


def _open_once(session: Session, ticket: Ticket) -> Ticket:
    session.flush()  # a new root gets its key
    take_in_hand(session, ticket)
    columns = Ticket.__table__.columns
    values = {name: value for name, value in vars(ticket).items() if name in columns}
    connection = connection_of(session)
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = (
        make(Ticket)
        .values(**values)
        .on_conflict_do_nothing(
            index_elements=["view_model", "idempotence_token"],
            index_where=text("idempotence_token IS NOT NULL AND state <> 'expired'"),
        )
        .returning(columns.id)
    )
    same = select(Ticket).where(
        Ticket.view_model == ticket.view_model,
        Ticket.idempotence_token == ticket.idempotence_token,
        Ticket.state != "expired",
    )
    for _ in range(ROUNDS):
        # Waits for another opener's commit or rollback.
        made = connection.execute(insert).scalar_one_or_none()
        if made is not None:
            opened = session.get_one(Ticket, made)
            opened._root, opened._elements = ticket.root, ticket._elements
            complete(session, connection, [opened])
            return opened
        found: Ticket | None = session.scalars(same).one_or_none()
        if found is not None:
            return found
        # What stood in the way was expired or purged in between.
    raise TokenContended(
        f"the idempotence token {ticket.idempotence_token!r} of {ticket.view_model} was taken and given up "
        f"{ROUNDS} times while this ticket was opened: try again"
    )
