"""Lease, slot and claim: who may run tickets, and how one is taken.

A drain holds the lease: one row (`counterfoil_drains`), renewed by the worker's parent while it lives, and
one slot of its queue. A claim takes one ticket, just before it runs: five probes of the claim's index, one a
priority, so that a million delayed or a million of a busy lane in front cost nothing.

Every function works in the caller's transaction, except `claim`, which commits its own.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Float, Integer, String, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.types import NULLTYPE

from . import door, lanes
from .clock import MOMENT, RANDOM_TOKEN, STAMP, after, elapsed_ms
from .columns import Json
from .database import by
from .floors import Floors
from .hot import Hot
from .ticket import PENDING

ROUNDS = 12
"""How many laned candidates one claim passes over before it says that nothing can be had."""


@dataclass(frozen=True)
class DrainLease:
    """A drain's right to run tickets of a queue, as one of its slots."""

    id: str
    queue: str
    slot: int
    floors: Floors = field(default_factory=Floors, compare=False, repr=False)


@dataclass(frozen=True)
class Claimed:
    """A running ticket as its claim returned it. `ctid` addresses the row version (PostgreSQL).

    `due_at` and `looked_at` (the claim's time) are as the driver has them.

    `past_deadline`: its `expires_at` was past when it was claimed. `postponed_ms`: since its first
    postponement.
    """

    id: int
    token: str
    kind: str
    view_model: str
    root_id: str | None
    params: Any
    encryptor: str | None
    key_id: str | None
    queue: str
    lane: str | None
    priority: int
    fence: str
    drain_id: str
    claims: int
    attempts: int
    max_attempts: int
    run: int
    batch_id: int | None
    postponed_count: int
    opened_by: str | None
    past_deadline: bool
    postponed_ms: int | None
    ctid: str | None
    due_at: Any = None
    looked_at: Any = None


_FLOORS = ARRAY(TIMESTAMP(timezone=True))
_COLUMNS: dict[str, Any] = {
    "id": BigInteger(),
    "token": String(),
    "kind": String(),
    "view_model": String(),
    "root_id": String(),
    "params": Json,
    "encryptor": String(),
    "key_id": String(),
    "queue": String(),
    "lane": String(),
    "priority": Integer(),
    "fence": String(),
    "drain_id": String(),
    "claims": Integer(),
    "attempts": Integer(),
    "max_attempts": Integer(),
    "run": Integer(),
    "batch_id": BigInteger(),
    "postponed_count": Integer(),
    "opened_by": String(),
    "past_deadline": Boolean(),
    "postponed_ms": BigInteger(),
    "ctid": String(),
    "due_at": NULLTYPE,
    "looked_at": NULLTYPE,
}


def _returning(dialect: str) -> str:
    special = {
        "past_deadline": f"(expires_at IS NOT NULL AND expires_at <= {STAMP[dialect]}) AS past_deadline",
        "postponed_ms": f"{elapsed_ms(dialect, 'first_postponed_at')} AS postponed_ms",
        "ctid": "ctid::text AS ctid" if dialect == "postgresql" else "NULL AS ctid",
        "max_attempts": "coalesce(max_attempts, 1) AS max_attempts",
        "looked_at": f"{MOMENT[dialect]} AS looked_at",
    }
    return ", ".join(special.get(name, name) for name in _COLUMNS)


def _candidate(dialect: str, lock: bool, beyond: str = "") -> str:
    """The id of the first candidate that is due: index counterfoil_tickets_claim, one probe a priority.

    With a lock it is a claim's, which begins at the drain's floors (PostgreSQL).
    """
    where = f"state = 'pending' AND turn AND queue = :queue AND due_at <= {MOMENT[dialect]}{beyond}"
    if dialect == "postgresql":
        locked, each = "", "unnest(ARRAY[1,3,5,7,9]::smallint[]) AS p(priority)"
        if lock:
            locked = " FOR UPDATE SKIP LOCKED"
            each = "unnest(ARRAY[1,3,5,7,9]::smallint[], :floors) AS p(priority, floor)"
            where += " AND t.due_at >= p.floor"
        return (
            f"SELECT c.id FROM {each}, LATERAL ("
            f"SELECT t.id FROM counterfoil_tickets t WHERE {where} AND t.priority = p.priority "
            f"ORDER BY t.due_at, t.id LIMIT 1{locked}) c LIMIT 1"
        )
    probes = ", ".join(
        f"(SELECT id FROM counterfoil_tickets{by(dialect, 'claim')} WHERE {where} AND priority = {p} "
        "ORDER BY due_at, id LIMIT 1)"
        for p in (1, 3, 5, 7, 9)
    )
    return f"SELECT coalesce({probes})"


@cache
def _claim_statement(dialect: str, which: str) -> TextClause:
    """`riding`: the first candidate if it has no lane. `known`: the ticket of an id if it still is one."""
    if which == "riding":
        where = f"id = ({_candidate(dialect, lock=True)}) AND lane IS NULL"
    else:
        where = "id = :id AND state = 'pending' AND turn"
    return door.typed(
        f"UPDATE {door.TABLE} SET {door.assignments('claim', dialect)} WHERE {where} "
        f"RETURNING {_returning(dialect)}",
        floors=_FLOORS,
    )


_RIDING = Hot(lambda dialect: _claim_statement(dialect, "riding"), tuple(_COLUMNS.values()))
_KNOWN = Hot(lambda dialect: _claim_statement(dialect, "known"), tuple(_COLUMNS.values()))


@cache
def _probe_statement(dialect: str) -> TextClause:
    if dialect == "sqlite":
        probe = _candidate(dialect, lock=False)
        return text(f"SELECT id, lane FROM counterfoil_tickets WHERE id = ({probe})")
    probe = _candidate(dialect, lock=True, beyond=" AND t.id <> ALL(:skipped)")
    return text(f"SELECT t.id, t.lane FROM counterfoil_tickets t WHERE t.id = ({probe})").bindparams(
        bindparam("skipped", type_=ARRAY(BigInteger())), bindparam("floors", type_=_FLOORS)
    )


_PROBE = Hot(_probe_statement)


def ride(connection: Connection, drain: DrainLease) -> Claimed | None:
    """Claim the first due candidate if it has no lane, inside a transaction that is about to commit.

    Cannot wait and cannot fail under READ COMMITTED and on SQLite; nowhere else is it used.
    """
    began = time.monotonic()
    binds = {"queue": drain.queue, "drain": drain.id, "floors": drain.floors.now()}
    return _found(drain, _RIDING.first(connection, binds), began)


def _found(drain: DrainLease, row: Sequence[Any] | None, began: float) -> Claimed | None:
    if row is None:
        return None
    claimed = Claimed(*row)
    if claimed.ctid is not None:
        took = time.monotonic() - began
        drain.floors.found(claimed.priority, claimed.due_at, claimed.looked_at, took)
    return claimed


def claim(connection: Connection, drain: DrainLease) -> Claimed | None:
    """Claim one due ticket of the drain's queue in transactions of its own; None when there is none.

    `connection` is the worker's own, READ COMMITTED, in no transaction; it is in none afterwards.
    """
    try:
        if connection.dialect.name == "sqlite":
            return _claim_sqlite(connection, drain)
        return _claim_postgresql(connection, drain)
    finally:
        connection.rollback()


def claim_within(connection: Connection, drain: DrainLease) -> Claimed | None:
    """Claim one due ticket in the caller's transaction, which is rolled back in the end: for tests inline.

    One connection runs one ticket after the other, so that no lane can be busy.
    """
    probe = text(_candidate(connection.dialect.name, lock=False))
    found = connection.execute(probe, {"queue": drain.queue}).scalar()
    row = None
    if found is not None:
        row = _KNOWN.first(connection, {"id": found, "drain": drain.id})
    return None if row is None else Claimed(*row)


def _take(connection: Connection, drain: DrainLease, ticket_id: int, began: float) -> Claimed | None:
    claimed = _found(drain, _KNOWN.first(connection, {"id": ticket_id, "drain": drain.id}), began)
    connection.commit()
    return claimed


def _claim_postgresql(connection: Connection, drain: DrainLease) -> Claimed | None:
    if riding := ride(connection, drain):
        connection.commit()
        return riding
    skipped: list[int] = []
    while len(skipped) < ROUNDS:
        began = time.monotonic()
        binds = {"queue": drain.queue, "skipped": skipped, "floors": drain.floors.now()}
        found = _PROBE.first(connection, binds)
        if found is None:
            if drain.floors.forget():
                continue  # nothing from there on: look at everything before saying so
            return None
        ticket_id, lane = found
        if lane is None:
            return _take(connection, drain, ticket_id, began)
        if not lanes.try_lock(connection, lane):
            # Another claim is deciding about this lane: its outcome will show, this ticket keeps its turn.
            skipped.append(ticket_id)
        elif not lanes.runs(connection, lane):
            return _take(connection, drain, ticket_id, began)
        else:
            if not lanes.sweep(connection, drain.queue):
                # Its runner is just finishing: that finish elects.
                skipped.append(ticket_id)
            connection.commit()
    return None


def _claim_sqlite(connection: Connection, drain: DrainLease) -> Claimed | None:
    # A look without a lock first: an empty queue must not take the write lock.
    binds = {"queue": drain.queue}
    if _PROBE.first(connection, binds) is None:
        return None
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    while (found := _PROBE.first(connection, binds)) is not None:
        ticket_id, lane = found
        if lane is None or not lanes.runs(connection, lane):
            return _take(connection, drain, ticket_id, 0.0)
        if not lanes.sweep(connection, drain.queue):
            break
        # Whoever else wants to write has a turn between two sweeps.
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.commit()
    return None


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


def take_lease(connection: Connection, queue: str, worker: str, seconds: float) -> DrainLease | None:
    """A drain's row and a free slot of its queue; None when the queue is paused or its pool is full.

    Without a pool size, slots are added as needed.
    """
    dialect = connection.dialect.name
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


def due_queues(connection: Connection) -> list[str]:
    """The queues that have a due candidate: a loose scan over the claim's index."""
    dialect = connection.dialect.name
    candidate = _candidate(dialect, lock=False).replace(":queue", "k.queue")
    following = (
        "SELECT {} FROM counterfoil_tickets w WHERE w.state = 'pending' AND w.turn{} ORDER BY w.queue LIMIT 1"
    )
    rows: Iterable[Any] = connection.execute(
        text(f"""
WITH RECURSIVE k(queue) AS (
  SELECT ({following.format("w.queue", "")})
  UNION ALL
  SELECT ({following.format("w.queue", " AND w.queue > k.queue")}) FROM k WHERE k.queue IS NOT NULL
)
SELECT k.queue FROM k WHERE k.queue IS NOT NULL AND ({candidate}) IS NOT NULL""")
    )
    return [row.queue for row in rows]


def has_due(connection: Connection, queue: str) -> bool:
    """Whether the queue has a due candidate, whoever may hold it; takes no lock."""
    candidate = _candidate(connection.dialect.name, lock=False)
    return bool(connection.execute(text(f"SELECT ({candidate}) IS NOT NULL"), {"queue": queue}).scalar())


def seconds_to_next_due(connection: Connection) -> float | None:
    """How long until the next pending ticket is due, by the database's clock; None when none is delayed."""
    dialect = connection.dialect.name
    found = connection.execute(
        text(
            f"SELECT -{elapsed_ms(dialect, 'due_at')} FROM counterfoil_tickets "
            f"WHERE {PENDING} AND due_at > {MOMENT[dialect]} ORDER BY due_at LIMIT 1"
        )
    ).scalar()
    return None if found is None else max(0.0, float(found) / 1000)
