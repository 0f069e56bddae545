"""Lease and slot: who may run tickets.

A drain holds the lease: one row (`counterfoil_drains`), renewed by the worker's parent while it lives, and
one slot of its queue. How it takes a ticket under that lease stands in `claim`.

Every function works in the caller's transaction.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Float, TextClause, bindparam, text

from . import door
from .clock import MOMENT, RANDOM_TOKEN, STAMP, after
from .floors import Floors
from .hot import Hot


@dataclass(frozen=True)
class DrainLease:
    """A drain's right to run tickets of a queue, as one of its slots."""

    id: str
    queue: str
    slot: int
    floors: Floors = field(default_factory=Floors, compare=False, repr=False)


def _pool(connection: Connection, queue: str) -> tuple[bool, int | None]:
    connection.execute(
        text("INSERT INTO counterfoil_queues (name) VALUES (:queue) ON CONFLICT DO NOTHING"), {"queue": queue}
    )
    moment = MOMENT[connection.dialect.name]
    row = connection.execute(
        text(
            f"SELECT paused AND (paused_until IS NULL OR paused_until > {moment}) AS paused, pool_size "
            "FROM counterfoil_queues WHERE name = :queue"
        ),
        {"queue": queue},
    ).one()
    return bool(row.paused), row.pool_size


def is_paused(connection: Connection, queue: str) -> bool:
    """Whether the queue is paused now; read at a drain's start and every second."""
    return _pool(connection, queue)[0]


def _at_once(dialect: str) -> TextClause:
    # The usual case in one round trip: nothing is paused and a slot that exists is free. The commit need not
    # wait for the disk: a claim's does, and brings what was written before it there.
    moment, until = MOMENT[dialect], after(dialect, ":seconds")
    return door.typed(
        f"""WITH q AS (
          SELECT pool_size, paused AND (paused_until IS NULL OR paused_until > {moment}) AS paused
          FROM counterfoil_queues WHERE name = :queue
        ), s AS (
          UPDATE counterfoil_slots SET drain_id = {RANDOM_TOKEN[dialect]}, until = {until}
          WHERE queue = :queue AND n = (
            SELECT f.n FROM counterfoil_slots f, q
            WHERE NOT q.paused AND f.queue = :queue AND (q.pool_size IS NULL OR f.n <= q.pool_size)
            AND (f.until IS NULL OR f.until < {moment}) ORDER BY f.n LIMIT 1 FOR UPDATE OF f SKIP LOCKED)
          RETURNING drain_id, queue, n, until
        ), d AS (
          INSERT INTO counterfoil_drains (id, queue, slot, worker, until)
          SELECT drain_id, queue, n, :worker, until FROM s
        )
        SELECT drain_id, n, set_config('synchronous_commit', 'off', true) FROM s""",
        seconds=Float(),
    )


_AT_ONCE = Hot(_at_once)
"""Index: the slots' primary key."""


def take_lease(connection: Connection, queue: str, worker: str, seconds: float) -> DrainLease | None:
    """A drain's row and a free slot of its queue; None when the queue is paused or its pool is full.

    Without a pool size, slots are added as needed.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        binds = {"queue": queue, "seconds": seconds, "worker": worker}
        if (row := _AT_ONCE.first(connection, binds)) is not None:
            return DrainLease(row[0], queue, row[1])
    paused, size = _pool(connection, queue)
    if paused:
        return None
    drain_id = connection.execute(text(f"SELECT {RANDOM_TOKEN[dialect]}")).scalar_one()
    binds = {"queue": queue, "drain": drain_id, "seconds": seconds, "worker": worker}
    slot = _take_slot(connection, binds, size)
    if slot is None:
        return None
    connection.execute(
        text(
            "INSERT INTO counterfoil_drains (id, queue, slot, worker, until) "
            "SELECT s.drain_id, s.queue, s.n, :worker, s.until FROM counterfoil_slots s "
            "WHERE s.drain_id = :drain"
        ),
        binds,
    )
    return DrainLease(drain_id, queue, slot)


def _take_slot(connection: Connection, binds: dict[str, Any], size: int | None) -> int | None:
    dialect = connection.dialect.name
    limit = "" if size is None else " AND n <= :size"
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    free = text(
        f"""UPDATE counterfoil_slots SET drain_id = :drain, until = {after(dialect, ":seconds")}
        WHERE queue = :queue AND n = (
          SELECT n FROM counterfoil_slots
          WHERE queue = :queue{limit} AND (until IS NULL OR until < {MOMENT[dialect]})
          ORDER BY n LIMIT 1 {locked}) RETURNING n"""
    ).bindparams(bindparam("seconds", type_=Float()))
    given = binds | {"size": size}
    while True:
        slot = connection.execute(free, given).scalar()
        if slot is not None:
            return int(slot)
        # All slots that exist are taken: add the next one, unless the pool is full. Whoever else adds it at
        # the same time is waited for, and then there is one more to be had, or it is his.
        connection.execute(
            door.typed(
                "INSERT INTO counterfoil_slots (queue, n) "
                "SELECT :queue, coalesce(max(n), 0) + 1 FROM counterfoil_slots WHERE queue = :queue "
                + ("" if size is None else "HAVING coalesce(max(n), 0) < :size ")
                + ("ON CONFLICT DO NOTHING")
            ),
            given,
        )
        count = connection.execute(
            text("SELECT coalesce(max(n), 0) FROM counterfoil_slots WHERE queue = :queue"), given
        ).scalar_one()
        if size is not None and count >= size:
            slot = connection.execute(free, given).scalar()
            return None if slot is None else int(slot)


def renew_lease(connection: Connection, drain_id: str, seconds: float) -> bool:
    """Push the lease ahead; False when it had run out: then the drain must not go on."""
    dialect = connection.dialect.name
    until, moment = after(dialect, ":seconds"), MOMENT[dialect]
    binds = {"drain": drain_id, "seconds": seconds}
    # One instant ends both. The slot first: had another taken it since, the drain's row must not live on.
    for update in (
        f"UPDATE counterfoil_slots SET until = {until} WHERE drain_id = :drain AND until > {moment}",
        "UPDATE counterfoil_drains SET until = (SELECT s.until FROM counterfoil_slots s "
        f"WHERE s.drain_id = :drain), renewed_at = {STAMP[dialect]} WHERE id = :drain",
    ):
        if connection.execute(door.typed(update), binds).rowcount != 1:
            return False
    return True


def revive_lease(connection: Connection, drain_id: str, seconds: float) -> bool:
    """Take up a lease that ran out while the database could not be reached, if nobody has taken its slot.

    An outage longer than the lease would end every healthy drain otherwise (F9). What lapsed in between has
    lost its fence, and the drain finds that out by itself.
    """
    dialect = connection.dialect.name
    until = after(dialect, ":seconds")
    takes = (
        f"UPDATE counterfoil_slots SET until = {until} WHERE drain_id = :drain "
        "AND queue = (SELECT queue FROM counterfoil_drains WHERE id = :drain)",
        f"UPDATE counterfoil_drains SET until = {until}, renewed_at = {STAMP[dialect]} WHERE id = :drain",
    )
    clauses = [text(take).bindparams(bindparam("seconds", type_=Float())) for take in takes]
    binds = {"drain": drain_id, "seconds": seconds}
    return all(connection.execute(clause, binds).rowcount for clause in clauses)


def end_lease(connection: Connection, drain_id: str) -> None:
    """The drain is over: its row goes, its slot is free."""
    binds = {"drain": drain_id}
    connection.execute(
        text("UPDATE counterfoil_slots SET drain_id = NULL, until = NULL WHERE drain_id = :drain"), binds
    )
    connection.execute(text("DELETE FROM counterfoil_drains WHERE id = :drain"), binds)
