"""Errors as groups: failed attempts folded by fingerprint. What persons say of one: `group_words`.

Folding is the scheduler's, in chunks: a group's row that every failing worker wrote would be the one row all
of them wait for, just when most fails. An attempt bears whether it was folded, so each counts once, whatever
order transactions commit in and however often a scheduler dies.
"""

import itertools
import re
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from .clock import after
from .sqlite import begin_immediate
from .tables import Attempt, ErrorGroup
from .ticket import Ticket

CHUNK = 1000
BUCKET_SECONDS = 600
BUCKETS_KEPT = 144
SAMPLE_CHARACTERS = 500
FORGOTTEN_AFTER_DAYS = 90
SILENCE = timedelta(hours=1)
"""What ends a mute "until it is silent": an hour without a failure."""
_CLASS = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")
_UNGROUPED = text("fingerprint IS NOT NULL AND NOT grouped")


def fold(connection: Connection, chunk: int = CHUNK) -> int:
    """Fold up to `chunk` failed attempts into their groups; how many. Index: _ungrouped of attempts."""
    waiting = select(Attempt.id).where(_UNGROUPED).order_by(Attempt.id)
    if connection.execute(waiting.limit(1)).first() is None:
        return 0  # without SQLite's write lock
    begin_immediate(connection)
    query = select(Attempt.__table__).where(_UNGROUPED).order_by(Attempt.id).limit(chunk)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.fingerprint].append(row)
    for fingerprint in sorted(groups):  # in one order: two schedulers must not wait for each other in turn
        _add(connection, fingerprint, groups[fingerprint])
    done = update(Attempt).where(Attempt.id.in_([row.id for row in rows])).values(grouped=True)
    connection.execute(done)
    return len(rows)


def _add(connection: Connection, fingerprint: str, rows: list[Row[Any]]) -> None:
    newest = max(rows, key=lambda row: row.ended_at)
    query = select(ErrorGroup.__table__).where(ErrorGroup.fingerprint == fingerprint)
    group = connection.execute(query.with_for_update()).first()
    trend = Counter(str(int(row.ended_at.timestamp()) // BUCKET_SECONDS) for row in rows)
    trend.update((group.trend if group else None) or {})
    values: dict[str, Any] = {
        "last_seen_at": max(newest.ended_at, group.last_seen_at) if group else newest.ended_at,
        "last_app_version": newest.app_version,
        "failures": len(rows) + (group.failures if group else 0),
        "trend": dict(sorted(trend.items(), key=lambda pair: int(pair[0]))[-BUCKETS_KEPT:]),
        "ticket_id": newest.ticket_id,
        "traceback_id": newest.traceback_id,
    }
    if group is not None:
        if group.muted_quiet and _was_silent(group, rows):
            values |= {"muted_quiet": False, "muted_at": None, "muted_by": None}
        connection.execute(update(ErrorGroup).where(ErrorGroup.fingerprint == fingerprint).values(values))
        return
    first = min(rows, key=lambda row: row.ended_at)
    found = _CLASS.match(first.error or "")
    view_model = select(Ticket.view_model).where(Ticket.id == first.ticket_id)
    made = values | {
        "fingerprint": fingerprint,
        "class_name": found.group()[:200] if found else None,
        "place": first.place,
        "error": (first.error or "")[:SAMPLE_CHARACTERS],
        "error_kind": first.error_kind,
        "view_model": connection.execute(view_model).scalar(),
        "first_seen_at": first.ended_at,
        "app_version": first.app_version,
    }
    connection.execute(insert(ErrorGroup).values(made))


def _was_silent(group: Row[Any], rows: list[Row[Any]]) -> bool:
    """Whether an hour passed without a failure since it was muted: what came after it is news."""
    since = max(group.last_seen_at, group.muted_at or group.last_seen_at)
    times = [since, *sorted(row.ended_at for row in rows if row.ended_at > since)]
    return any(later - earlier >= SILENCE for earlier, later in itertools.pairwise(times))


def latest_error(connection: Connection, group: Row[Any]) -> str:
    """What its latest example says, which its traceback ends with; once that is purged, what the first said.

    Index: counterfoil_attempts_ticket.
    """
    mine = select(Attempt.error).where(
        Attempt.ticket_id == group.ticket_id, Attempt.fingerprint == group.fingerprint
    )
    found = connection.execute(mine.order_by(Attempt.claim.desc()).limit(1)).scalar()
    return found or group.error or ""


def count_errored(connection: Connection) -> int:
    """Write into each group how many tickets are errored by it; how many groups have changed.

    Reads the index counterfoil_tickets_fingerprint alone. A ticket that errored without an attempt (its view
    model is not known) makes its group here.
    """
    errored = text("counterfoil_tickets.state = 'errored'")
    count = select(Ticket.fingerprint, func.count().label("n"), func.max(Ticket.id).label("ticket_id"))
    by_fingerprint = count.where(errored, Ticket.fingerprint.is_not(None)).group_by(Ticket.fingerprint)
    now = {row.fingerprint: row for row in connection.execute(by_fingerprint)}
    before = select(ErrorGroup.fingerprint, ErrorGroup.errored)
    known = {row.fingerprint: row.errored for row in connection.execute(before)}
    changed = {name: now[name].n if name in now else 0 for name in sorted({*now, *known})}
    changed = {name: n for name, n in changed.items() if known.get(name) != n}
    for fingerprint, n in changed.items():
        if fingerprint not in known:
            _without_attempt(connection, fingerprint, now[fingerprint].ticket_id)
        connection.execute(update(ErrorGroup).where(ErrorGroup.fingerprint == fingerprint).values(errored=n))
    return len(changed)


def _without_attempt(connection: Connection, fingerprint: str, ticket_id: int) -> None:
    row = connection.execute(select(Ticket.__table__).where(Ticket.id == ticket_id)).first()
    if row is None or row.done is None:
        return
    values = {"view_model": row.view_model, "error_kind": row.error_kind, "ticket_id": ticket_id}
    told = {"error": (row.error or "")[:SAMPLE_CHARACTERS], "first_seen_at": row.done}
    made = {"fingerprint": fingerprint, "last_seen_at": row.done} | values | told
    connection.execute(insert(ErrorGroup).values(made))


def forget(connection: Connection) -> int:
    """Delete groups that nothing is errored by and that have not been seen for 90 days."""
    long_ago = after(connection.dialect.name, f"-{FORGOTTEN_AFTER_DAYS * 86_400}")
    over = f"DELETE FROM counterfoil_errors WHERE errored = 0 AND last_seen_at < {long_ago}"
    return connection.execute(text(over)).rowcount
