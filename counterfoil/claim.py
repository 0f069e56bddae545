"""The claim: how a drain takes one ticket, just before it runs.

Five probes of the claim's index, one a priority (`candidates`), so that a million delayed or a million of a
busy lane in front cost nothing. `claim` commits transactions of its own; everything else works in the
caller's.
"""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, String, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from . import door, lanes
from .candidates import candidate
from .claimed import COLUMNS, Claimed, returning
from .hot import Hot
from .lease import DrainLease

ROUNDS = 12
"""How many laned candidates one claim passes over before it says that nothing can be had."""


def claiming(dialect: str, where: str) -> str:
    """The UPDATE that claims what a condition finds."""
    return (
        f"UPDATE {door.TABLE} SET {door.assignments('claim', dialect)} WHERE {where} "
        f"RETURNING {returning(dialect)}"
    )


def riding(dialect: str, only_if: str = "") -> str:
    """The claim of the first candidate if it has no lane, and if `only_if` (SQL) is so."""
    where = f"id = ({candidate(dialect, lock=True)}) AND lane IS NULL"
    return claiming(dialect, f"{where} AND {only_if}" if only_if else where)


_TYPES = tuple(COLUMNS.values())
_RIDING = Hot(lambda dialect: door.typed(riding(dialect)), _TYPES)
_KNOWN = Hot(lambda dialect: door.typed(claiming(dialect, "id = :id AND state = 'pending' AND turn")), _TYPES)


@cache
def _probe_statement(dialect: str) -> TextClause:
    if dialect == "sqlite":
        probe = candidate(dialect, lock=False)
        return text(f"SELECT id, lane FROM counterfoil_tickets WHERE id = ({probe})")
    probe = candidate(dialect, lock=True, beyond=" AND t.id <> ALL(:skipped)")
    return text(f"SELECT t.id, t.lane FROM counterfoil_tickets t WHERE t.id = ({probe})").bindparams(
        bindparam("skipped", type_=ARRAY(BigInteger())), bindparam("floors", type_=String())
    )


_PROBE = Hot(_probe_statement)


def ride(connection: Connection, drain: DrainLease) -> Claimed | None:
    """Claim the first due candidate if it has no lane, inside a transaction that is about to commit.

    Cannot wait and cannot fail under READ COMMITTED and on SQLite; nowhere else is it used.
    """
    began = time.monotonic()
    return found(drain, _RIDING.first(connection, riding_binds(drain)), began)


def riding_binds(drain: DrainLease) -> dict[str, Any]:
    """The bound values of `riding`."""
    return {"queue": drain.queue, "drain": drain.id, "floors": drain.floors.array()}


def found(drain: DrainLease, row: Sequence[Any] | None, began: float) -> Claimed | None:
    """What a claim of the drain, begun at a time of the monotonic clock, returned; its floors learn of it."""
    if row is None or row[0] is None:
        return None
    claimed = Claimed._make(row)
    if claimed.ctid is not None:
        took = time.monotonic() - began
        drain.floors.found(claimed.priority, claimed.due_at, claimed.looked_at, took)
    return claimed


def claim(connection: Connection, drain: DrainLease, waited: bool = False) -> Claimed | None:
    """Claim one due ticket of the drain's queue in transactions of its own; None when there is none.

    `connection` is the worker's own, READ COMMITTED, in no transaction; it is in none afterwards. `waited`:
    there was none a moment ago, so it is looked for before anything is written.
    """
    try:
        if connection.dialect.name == "sqlite":
            claimed = _claim_sqlite(connection, drain)
        else:
            claimed = _claim_postgresql(connection, drain, waited)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()  # where nothing was claimed: by a rollback psycopg forgets what it has prepared
    return claimed


def claim_within(connection: Connection, drain: DrainLease) -> Claimed | None:
    """Claim one due ticket in the caller's transaction, which is rolled back in the end: for tests inline.

    One connection runs one ticket after the other, so that no lane can be busy.
    """
    probe = text(candidate(connection.dialect.name, lock=False))
    first = connection.execute(probe, {"queue": drain.queue}).scalar()
    row = None
    if first is not None:
        row = _KNOWN.first(connection, {"id": first, "drain": drain.id})
    return None if row is None else Claimed._make(row)


def _take(connection: Connection, drain: DrainLease, ticket_id: int, began: float) -> Claimed | None:
    claimed = found(drain, _KNOWN.first(connection, {"id": ticket_id, "drain": drain.id}), began)
    connection.commit()
    return claimed


def _claim_postgresql(connection: Connection, drain: DrainLease, waited: bool) -> Claimed | None:
    if not waited and (riding := ride(connection, drain)):
        connection.commit()
        return riding
    skipped: list[int] = []
    while len(skipped) < ROUNDS:
        began = time.monotonic()
        binds = {"queue": drain.queue, "skipped": skipped, "floors": drain.floors.array()}
        first = _PROBE.first(connection, binds)
        if first is None:
            if drain.floors.forget():
                continue  # nothing from there on: look at everything before saying so
            return None
        ticket_id, lane = first
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
    while (first := _PROBE.first(connection, binds)) is not None:
        ticket_id, lane = first
        if lane is None or not lanes.runs(connection, lane):
            return _take(connection, drain, ticket_id, 0.0)
        if not lanes.sweep(connection, drain.queue):
            break
        # Whoever else wants to write has a turn between two sweeps.
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.commit()
    return None
