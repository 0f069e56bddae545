"""How a running ticket settles when it does not simply finish; every function names the fence.

Each works in the caller's transaction, moves the ticket through the door and leaves its row of history: an
attempt that failed, a postponement, a give-back. False means that the fence was lost: nothing was written.
"""

import hashlib
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, text

from . import door
from .clock import MOMENT, STAMP, ago, elapsed_ms
from .database import by
from .errors import Failure
from .sweeps import sweep
from .ticket import Ticket

_LOST = "ticket {id}: its worker is gone: no sign of life within the lease"


def postpone(
    connection: Connection,
    ticket_id: int,
    fence: str,
    seconds: float,
    reason: str,
    worker: str | None = None,
    app_version: str | None = None,
) -> bool:
    """Not now: attempt given back, waits `seconds`, reason and count kept."""
    row = door.move(
        connection, "postpone", ticket_id, fence=fence, seconds=seconds, reason=reason, narrow=_STILL_RUNS
    )
    if row is not None:
        remember(connection, row, "postpone", None, worker, reason, app_version)
    return row is not None


def give_back(
    connection: Connection,
    ticket_id: int,
    fence: str,
    aside: str | None = None,
    worker: str | None = None,
    reason: str = "given back",
    only_if: str = "true",
) -> bool:
    """Never started, or ended by us: attempt given back; `aside="unknown"` sets it aside for a beat.

    `only_if`: further SQL of ours.
    """
    narrow = f"{_STILL_RUNS} AND {only_if}"
    row = door.move(connection, "give back", ticket_id, fence=fence, aside=aside, narrow=narrow)
    if row is not None and aside is None:
        remember(connection, row, "give back", None, worker, reason)
    return row is not None


_STILL_RUNS = "state = 'running' AND fence = :fence"


def fail_attempt(
    connection: Connection,
    ticket_id: int,
    fence: str,
    failure: Failure,
    *,
    final: bool = False,
    worker: str | None = None,
    app_version: str | None = None,
) -> str | None:
    """The attempt failed: backs off while attempts are left, else (or when `final`) errored.

    Returns the state reached, None when the fence was lost.
    """
    left = "attempts < coalesce(max_attempts, 1)"
    values = _failed(failure) | {"fence": fence}
    row, verb = None, "back off"
    if not final:
        narrow = f"{_STILL_RUNS} AND {left}"
        row = door.move(connection, verb, ticket_id, narrow=narrow, seconds=failure.seconds, **values)
    if row is None:
        verb = "error"
        row = door.move(connection, verb, ticket_id, narrow=_STILL_RUNS, **values)
    if row is None:
        return None
    remember(connection, row, verb, failure, worker, None, app_version)
    return str(row.state)


def fail_by_work(
    connection: Connection,
    ticket_id: int,
    fence: str,
    failure: Failure,
    worker: str | None = None,
    app_version: str | None = None,
) -> bool:
    """`raise Fail(reason)`: the work itself gives up for good."""
    values = _failed(failure) | {"fence": fence}
    row = door.move(connection, "fail by the work", ticket_id, narrow=_STILL_RUNS, **values)
    if row is not None:
        remember(connection, row, "fail", failure, worker, None, app_version)
    return row is not None


def expire_claimed(connection: Connection, ticket_id: int, fence: str) -> bool:
    """A ticket that was past its `expires_at` when it was claimed expires before any user code."""
    return door.move(connection, "expire", ticket_id, fence=fence, narrow=_STILL_RUNS) is not None


def lapse(connection: Connection, limit: int = 200) -> list[int]:
    """Rescue running tickets whose drain's lease ran out or is gone; returns their ids.

    Each costs an attempt (kind lost): pending with its back-off, errored when that was the last. A renewal
    asks that the lease has not run out, so a lapse and a renewal cannot both succeed. Those of a group, of
    which one at most was at its work, are given back: each runs by itself from then on, and pays if it takes
    its worker along again. Index counterfoil_tickets_running, whose order it takes: by id alone SQLite would
    read the whole table.
    """
    dialect = connection.dialect.name
    moment = MOMENT[dialect]
    gone = f"NOT EXISTS (SELECT 1 FROM counterfoil_drains d WHERE d.id = drain_id AND d.until > {moment})"
    grouped = (
        f"EXISTS (SELECT 1 FROM {door.TABLE} o{by(dialect, 'running')} WHERE o.state = 'running' "
        f"AND o.drain_id = {door.TABLE}.drain_id AND o.id <> {door.TABLE}.id) AS grouped"
    )
    found = connection.execute(
        text(
            f"SELECT id, fence, {grouped} FROM {door.TABLE}{by(dialect, 'running')} WHERE state = 'running' "
            f"AND {gone} ORDER BY drain_id, id LIMIT :limit {_skip_locked(connection)}"
        ).bindparams(bindparam("limit", type_=BigInteger())),
        {"limit": limit},
    ).fetchall()

    def rescue(ticket: Row[Any]) -> bool:
        if ticket.grouped:
            told = {"reason": "given back: the worker of its group is gone", "only_if": gone}
            return give_back(connection, ticket.id, ticket.fence, **told)
        failure = Failure("lost", _LOST.format(id=ticket.id), fingerprint="lost", untold=True)
        row = door.move(
            connection,
            "lapse",
            ticket.id,
            fence=ticket.fence,
            narrow=f"{_STILL_RUNS} AND {gone}",
            **_failed(failure),
        )
        if row is not None:
            remember(connection, row, "lapse", failure, None, None)
        return row is not None

    return sweep(connection, found, rescue)


def expire_due(connection: Connection, limit: int = 500) -> list[int]:
    """Expire held and pending tickets whose `expires_at` is past; index counterfoil_tickets_deadline."""
    moment = MOMENT[connection.dialect.name]
    past = f"state IN ('held','pending') AND expires_at IS NOT NULL AND expires_at <= {moment}"
    found = connection.execute(
        text(
            f"SELECT id FROM {door.TABLE} WHERE {past} ORDER BY expires_at, id LIMIT :limit "
            f"{_skip_locked(connection)}"
        ).bindparams(bindparam("limit", type_=BigInteger())),
        {"limit": limit},
    ).fetchall()
    return sweep(
        connection, found, lambda row: door.move(connection, "expire", row.id, narrow=past) is not None
    )


def _skip_locked(connection: Connection) -> str:
    # What somebody is just moving is looked at again by the next beat.
    return "FOR UPDATE SKIP LOCKED" if connection.dialect.name == "postgresql" else ""


def fence_of(connection: Connection, ticket_id: int) -> tuple[str, str | None] | None:
    """State and fence of a ticket now; None when it is gone."""
    row = connection.execute(
        text(f"SELECT state, fence FROM {door.TABLE} WHERE id = :id"), {"id": ticket_id}
    ).fetchone()
    return None if row is None else (row.state, row.fence)


def _failed(failure: Failure) -> dict[str, Any]:
    return {"error": failure.text, "error_kind": failure.kind, "fingerprint": failure.fingerprint}


def give_up_unknown(connection: Connection, ticket_id: int, view_model: str) -> bool:
    """No live worker has known its view model for the grace: errored, kind resolve, without an attempt."""
    failure = Failure(
        "resolve",
        f"unknown view model {view_model!r}: no live worker registers it; deploy the code that declares it, "
        "or mend the name and open a new ticket",
        fingerprint="unknown view model",
    )
    narrow = "state = 'pending' AND aside = 'unknown'"
    return door.move(connection, "error", ticket_id, narrow=narrow, **_failed(failure)) is not None


def remember(
    connection: Connection,
    row: Row[Any],
    outcome: str,
    failure: Failure | None,
    worker: str | None,
    reason: str | None,
    app_version: str | None = None,
) -> None:
    """The row of history of a claim that did not end in a plain finish."""
    traceback_id = None
    if failure is not None and failure.traceback:
        traceback_id = hashlib.sha256(failure.traceback.encode()).hexdigest()
        connection.execute(
            # Seen again: the purge, which may be at it, finds it young.
            text(
                "INSERT INTO counterfoil_tracebacks (id, text) VALUES (:id, :text) ON CONFLICT (id) "
                f"DO UPDATE SET seen_at = {STAMP[connection.dialect.name]} WHERE "
                f"counterfoil_tracebacks.seen_at < {ago(connection.dialect.name, 86_400)}"
            ),
            {"id": traceback_id, "text": failure.traceback},
        )
    dialect = connection.dialect.name
    tell_at = STAMP[dialect] if failure is not None and failure.untold else "NULL"
    connection.execute(
        door.typed(
            "INSERT INTO counterfoil_attempts (ticket_id, claim, run, outcome, started_at, ended_at, "
            "duration_ms, error, error_kind, fingerprint, place, traceback_id, worker, app_version, tell_at) "
            f"SELECT id, claims, run, :outcome, started_at, {STAMP[dialect]}, "
            f"{elapsed_ms(dialect, 'started_at')}, :error, :error_kind, :fingerprint, :place, :traceback, "
            f":worker, :app_version, {tell_at} FROM {Ticket.__tablename__} "
            "WHERE id = :id"
        ),
        {
            "id": row.id,
            "outcome": outcome,
            "error": failure.text if failure else reason,
            "error_kind": failure.kind if failure else None,
            "fingerprint": failure.fingerprint if failure else None,
            "place": failure.place if failure else None,
            "traceback": traceback_id,
            "worker": worker,
            "app_version": app_version,
        },
    )
