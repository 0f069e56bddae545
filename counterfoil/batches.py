"""Batches: tickets opened together or counted together, with a follow-up when the last one has ended.

    run = open_batch(session, "Invoices of May", expected=500, follow_up=Month.close, follow_up_root=may)
    for invoice in invoices:
        session.add(Ticket(root=invoice, view_model=Invoice.print, batch=run))

Nothing is counted up: the numbers are counted from the tickets by an index, and a finish writes nothing
here. A batch is complete when as many tickets (and child batches) as expected are there, or `seal` said that
no more come, and none of them is open: held, pending, running, or errored, which waits for a person. Then
the scheduler closes it and opens the follow-up, once. A late ticket opens a closed batch again.

What it cannot do: close by itself without a number expected and without `seal`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    TextClause,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from . import notices
from .clock import MOMENT, STAMP, after
from .database import among, by
from .options import WrongOption
from .tables import Batch
from .ticket import STATES, Ticket

OPEN_STATES = ("held", "pending", "running", "errored")
MAY_GO = "(SELECT b.id FROM counterfoil_batches b WHERE b.id = batch_id AND b.closed_at IS NULL) IS NULL"
"""SQL over a ticket: no open batch needs it."""
GONE = ("done", "errored", "expired", "failed")
CHUNK = 200


@dataclass(frozen=True)
class Counts:
    """How a batch stands, each ticket counted once, by its state; those that were purged are in it."""

    waiting: int = 0
    running: int = 0
    done: int = 0
    errored: int = 0
    expired: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.open + self.ended

    @property
    def open(self) -> int:
        """What the batch still waits for; an errored one waits for a person."""
        return self.waiting + self.running + self.errored

    @property
    def ended(self) -> int:
        """What has ended for good; an expired one is no failure, a failed one is."""
        return self.done + self.expired + self.failed


def counts(connection: Connection, batch_ids: Iterable[int], most: int | None = None) -> dict[int, Counts]:
    """How these batches stand, counted up to `most` a state; index counterfoil_tickets_batch."""
    gone = select(Batch.id, *(getattr(Batch, f"gone_{state}").label(state) for state in GONE))
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(gone.where(Batch.id.in_(list(batch_ids)))).mappings():
        found[row["id"]] = {state: row[state] for state in GONE}
    for batch_id, states in found.items():
        there = connection.execute(select(*(_number(batch_id, state, most) for state in STATES))).one()
        for state, number in zip(STATES, there, strict=True):
            word = "waiting" if state in ("held", "pending") else state
            states[word] = states.get(word, 0) + number
    return {batch_id: Counts(**states) for batch_id, states in found.items()}


def _number(batch_id: int, state: str, most: int | None) -> ColumnElement[int]:
    inside = select(Ticket.id).where(Ticket.batch_id == batch_id, Ticket.state == state).limit(most)
    return select(func.count()).select_from(inside.subquery()).scalar_subquery().label(state)


def reopen(connection: Connection, batch_ids: Iterable[int]) -> None:
    """Tickets were added to these batches in this transaction: what was closed is open again.

    PostgreSQL: shares a lock that keeps the scheduler from closing them until this transaction has ended.
    Raises WrongOption for a batch that does not exist.
    """
    shared = " FOR KEY SHARE" if connection.dialect.name == "postgresql" else ""
    look = text(f"SELECT closed_at FROM counterfoil_batches WHERE id = :id{shared}")
    for batch_id in sorted(set(batch_ids)):
        row = connection.execute(look, {"id": batch_id}).fetchone()
        if row is None:
            raise WrongOption(f"there is no batch {batch_id}: open_batch(session, label) makes one")
        if row.closed_at is not None:
            connection.execute(update(Batch).where(Batch.id == batch_id).values(closed_at=None))
            parent = connection.execute(select(Batch.parent_id).where(Batch.id == batch_id)).scalar()
            if parent is not None:
                reopen(connection, [parent])


def reopen_of(connection: Connection, ticket_id: int) -> None:
    """The same for the batch of a ticket that a person has set going again, if it is in one."""
    mine = select(Batch.id).join(Ticket, Ticket.batch_id == Batch.id).where(Ticket.id == ticket_id)
    reopen(connection, connection.scalars(mine).all())


def close_complete(connection: Connection, after: int = 0, chunk: int = CHUNK) -> tuple[list[int], int]:
    """Close what is complete among the next open batches behind the id `after`, and open their follow-ups.

    Returns the ids closed and the place to go on from; 0 when it came to the end. A batch that somebody is
    just adding to is left for the next time.
    """
    dialect = connection.dialect.name
    rows = connection.execute(_look(dialect), {"after": after, "chunk": chunk}).fetchall()
    closed = [row.id for row in rows if row.complete and _close(connection, row.id)]
    return closed, (rows[-1].id if len(rows) == chunk else 0)


def _close(connection: Connection, batch_id: int) -> bool:
    dialect, binds = connection.dialect.name, {"id": batch_id}
    if dialect == "postgresql":
        # In a statement of its own: the next one sees what those committed who had the lock before.
        lock = "SELECT id FROM counterfoil_batches WHERE id = :id FOR UPDATE SKIP LOCKED"
        if connection.execute(text(lock), binds).fetchone() is None:
            return False
    row = connection.execute(_closing(dialect), binds).fetchone()
    if row is None:
        return False
    if row.follow_up is not None and row.follow_up_ticket_id is None:
        _open_follow_up(connection, batch_id)
    notices.note_batch(connection, batch_id)
    return True


def _open_follow_up(connection: Connection, batch_id: int) -> None:
    batch: Any = connection.execute(select(Batch.__table__).where(Batch.id == batch_id)).one()
    opened = connection.execute(
        insert(Ticket)
        .values(
            view_model=batch.follow_up,
            root_id=batch.follow_up_root_id,
            root_label=batch.follow_up_root_label,
            params=batch.follow_up_params,
            opened_by=batch.opened_by,
            opened_via="batch",
        )
        .returning(Ticket.id)
    ).scalar_one()
    connection.execute(update(Batch).where(Batch.id == batch_id).values(follow_up_ticket_id=opened))


def _complete() -> str:
    """SQL: whether the batch `b` is complete. Scalar subqueries, so that no plan joins over the tickets."""
    states = ", ".join(map(repr, OPEN_STATES))
    gone = " + ".join(f"b.gone_{state}" for state in GONE)
    return (
        f"(SELECT t.id FROM counterfoil_tickets t WHERE t.batch_id = b.id AND t.state IN ({states}) LIMIT 1) "
        "IS NULL AND (SELECT c.id FROM counterfoil_batches c "
        "WHERE c.parent_id = b.id AND c.closed_at IS NULL LIMIT 1) IS NULL AND (b.sealed OR b.expected <= "
        f"{gone} + (SELECT count(*) FROM counterfoil_tickets t WHERE t.batch_id = b.id) "
        "+ (SELECT count(*) FROM counterfoil_batches c WHERE c.parent_id = b.id))"
    )


def put_off(connection: Connection, chunk: int) -> None:
    """Move on the delete time of what is due for the purge and belongs to an open batch, by an hour.

    Otherwise a large batch that stays open would stand at the head of the purge's index, at every beat.
    """
    dialect = connection.dialect.name
    open_one = "SELECT id FROM counterfoil_batches WHERE closed_at IS NULL LIMIT 1"
    if connection.execute(text(open_one)).first() is None:
        return
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = f"done IS NOT NULL AND kept IS NULL AND delete_time <= {MOMENT[dialect]}"
    found = (
        f"SELECT id FROM counterfoil_tickets{by(dialect, 'purge')} WHERE {due} "
        f"ORDER BY delete_time, id LIMIT :chunk {locked}"
    )
    connection.execute(
        text(
            f"UPDATE counterfoil_tickets SET delete_time = {after(dialect, '3600')} "
            f"WHERE {among(dialect, found)} AND NOT {MAY_GO}"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"chunk": chunk},
    )


def count_gone(connection: Connection, purged: Iterable[Any]) -> None:
    """Keep the numbers of batches whose tickets were purged (rows with batch_id and state)."""
    gone = Counter((row.batch_id, row.state) for row in purged if row.batch_id is not None)
    for (batch_id, state), number in sorted(gone.items()):
        column = getattr(Batch, f"gone_{state}")
        connection.execute(update(Batch).where(Batch.id == batch_id).values({column: column + number}))


@cache
def _look(dialect: str) -> TextClause:
    inside = (
        "SELECT * FROM counterfoil_batches WHERE closed_at IS NULL AND id > :after ORDER BY id LIMIT :chunk"
    )
    return text(f"SELECT b.id, ({_complete()}) AS complete FROM ({inside}) b ORDER BY b.id").bindparams(
        bindparam("after", type_=BigInteger()), bindparam("chunk", type_=BigInteger())
    )


@cache
def _closing(dialect: str) -> TextClause:
    return text(
        f"UPDATE counterfoil_batches AS b SET closed_at = {STAMP[dialect]} "
        f"WHERE b.id = :id AND b.closed_at IS NULL AND {_complete()} RETURNING follow_up, follow_up_ticket_id"
    )
