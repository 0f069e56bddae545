"""The flood guard: no second ticket while an equal one is waiting.

    session.add(Ticket(root=customer, view_model=Customer.index, guard=True))

At the end of the flush the equal ticket that waits is locked until the transaction ends: no worker can claim
it before, so that it runs on what this transaction writes. Looking without the lock would lose the last
change: the ticket is claimed, reads the old value, and the writer, who saw it waiting, opens none. Keys are
locked in sorted order, so that two flushes do not meet crosswise. Equal is: the same view model, root and
params, or the same key of your own; due no later; with a deadline that ends no earlier. One that should have
run longer ago than `max_age` does not count: what is stuck must not swallow every change.

Two transactions that open at the same moment, none waiting yet, open two: one too many, never one too few.
Source: the ERP's "an equal package is already in the queue".
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Row,
    String,
    TextualSelect,
    bindparam,
    delete,
    inspect,
    text,
)
from sqlalchemy.orm import Session, make_transient

from . import lanes
from .clock import MOMENT, after
from .columns import Utc
from .ringing import note_for_session
from .tables import TicketParam

KEY_LENGTH = 400


@dataclass(frozen=True)
class FloodGuard:
    """`key`: what makes tickets of a view model equal, default root and params.

    `max_age`: one that should have run longer ago does not count as waiting.
    """

    key: str | None = None
    max_age: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Guarded:
    """A new ticket's guard, before its root has a key."""

    view_model: str
    params: Any
    guard: FloodGuard

    def key_of(self, root_id: str | None) -> str:
        """The text by which equal tickets find each other."""
        if self.guard.key is not None:
            plain = f"{self.view_model}|{self.guard.key}"
            if len(plain) <= KEY_LENGTH:
                return plain
        same = [self.guard.key, root_id, self.params or {}]
        told = json.dumps(same, sort_keys=True, ensure_ascii=False)
        return f"{self.view_model}#{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def wanted(view_model: str, params: Any, guard: bool | str | FloodGuard) -> Guarded | None:
    """The guard that an option of opening asks for. Raises TypeError for what is none."""
    if guard is False or guard is None:
        return None
    if isinstance(guard, str):
        guard = FloodGuard(key=guard)
    elif guard is True:
        guard = FloodGuard()
    if not isinstance(guard, FloodGuard):
        raise TypeError(f"guard must be True, a key or a FloodGuard, not {guard!r}")
    return Guarded(view_model, params, guard)


def let_wait(session: Session, connection: Connection, new: Sequence[Any]) -> list[Any]:
    """The new tickets without those that an equal waiting one makes needless: these are taken back.

    Called at the end of a flush. What waits is rung for again after the commit: a drain that passed over the
    locked row may have ended.
    """
    groups: dict[str, list[Any]] = {}
    for ticket in new:
        if ticket._guard is not None:
            groups.setdefault(ticket.guard_key, []).append(ticket)
    needless: dict[int, int] = {}
    for key in sorted(groups):
        same = sorted(groups[key], key=lambda ticket: (ticket.due_at, ticket.id))
        waits = hold(connection, key, [ticket.id for ticket in same], same[0]._guard.guard.max_age)
        if waits is not None:
            delay = max(0.0, (waits.due_at - waits.now).total_seconds())
            note_for_session(session, connection, waits.queue, delay)
        for ticket in same if waits is not None else same[1:]:
            needless[ticket.id] = waits.id if waits is not None else same[0].id
    gone = [ticket for ticket in new if ticket.id in needless]
    _take_back(connection, gone)
    for ticket in gone:
        waiting_id = needless[ticket.id]
        make_transient(ticket)
        ticket.waiting_id = waiting_id
    return [ticket for ticket in new if ticket.waiting_id is None]


def hold(connection: Connection, key: str, new: Sequence[int], max_age: timedelta) -> Row[Any] | None:
    """Lock the ticket with this key that waits already, other than these new ones; None when there is none.

    Waits for a claim that is just being made: then the ticket runs, and is none that waits.
    """
    binds = {"key": key, "mine": new[0], "own": list(new), "seconds": -max_age.total_seconds()}
    return connection.execute(_waiting(connection.dialect.name), binds).fetchone()


@cache
def _waiting(dialect: str) -> TextualSelect:
    # Index counterfoil_tickets_guard.
    due = "coalesce({0}.execute_earliest, {0}.opened_at)"
    mine = "(SELECT {} FROM counterfoil_tickets m WHERE m.id = :mine)"
    locked = " FOR UPDATE" if dialect == "postgresql" else ""
    long_ago = after(dialect, ":seconds", MOMENT[dialect] if dialect == "postgresql" else None)
    return (
        text(
            f"SELECT w.id, w.queue, w.due_at, {MOMENT[dialect]} AS now FROM counterfoil_tickets w "
            "WHERE w.state = 'pending' AND w.guard_key = :key AND w.id NOT IN :own "
            f"AND {due.format('w')} <= {mine.format(due.format('m'))} AND {due.format('w')} > {long_ago} "
            f"AND (w.expires_at IS NULL OR w.expires_at >= {mine.format('m.expires_at')}) "
            f"ORDER BY w.id LIMIT 1{locked}"
        )
        .bindparams(
            bindparam("own", expanding=True),
            bindparam("mine", type_=BigInteger()),
            bindparam("seconds", type_=Float()),
        )
        .columns(id=BigInteger(), queue=String(), due_at=Utc(), now=Utc())
    )


def _take_back(connection: Connection, gone: Sequence[Any]) -> None:
    """Delete tickets that this flush has inserted: nobody has seen them. What waits in their lanes elects."""
    lanes_of = [ticket.lane for ticket in gone if ticket.lane is not None]
    for mapper in {inspect(ticket).mapper for ticket in gone}:
        ids = [{"this": ticket.id} for ticket in gone if inspect(ticket).mapper is mapper]
        connection.execute(delete(TicketParam).where(TicketParam.ticket_id == bindparam("this")), ids)
        for table in reversed(mapper.tables):
            (key,) = table.primary_key.columns
            connection.execute(table.delete().where(key == bindparam("this")), ids)
    lanes.elect(connection, lanes_of)
