"""Failures that the process of the work could not tell: it was killed (timeout, out of memory), or lost.

Who accounts for such a failure - the worker's parent, the scheduler - runs no code of the application. Its
attempt's row says from when on it is to be told (`tell_at`), and the next drain of its queue calls the hooks
before it claims. A drain takes a row for itself by pushing `tell_at` ahead, so that none is told twice at a
time; a hook that takes its process down is called again after a pause that doubles, for a day. What a kind's
hook writes is committed with the mark that it was told. Index: counterfoil_attempts_untold.
"""

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, text

from . import hooks
from .claimed import COLUMNS, Claimed, returning
from .clock import MOMENT, after, elapsed_ms
from .errors import WorkCutOff
from .kinds import PLAIN

if TYPE_CHECKING:
    from .running import Runner

AT_ONCE = 20
"""So many are told by a drain before it claims."""
PAUSE_SECONDS = 60
"""Longer than the hooks of one failure may take."""
FOR_MS = 24 * 3600 * 1000

_log = logging.getLogger("counterfoil.hooks")


def queues(connection: Connection, most: int = 100) -> list[str]:
    """The queues with a failure that is to be told now; looks at the first `most` of them."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT t.queue FROM (SELECT ticket_id FROM counterfoil_attempts "
            f"WHERE tell_at IS NOT NULL AND tell_at <= {MOMENT[connection.dialect.name]} "
            f"ORDER BY tell_at LIMIT {int(most)}) a JOIN counterfoil_tickets t ON t.id = a.ticket_id"
        )
    )
    return [row.queue for row in rows]


def tell_next(runner: "Runner", queue: str) -> bool:
    """Call the hooks for one failure of the queue, if one is to be told; whether one was.

    Raises only what the database raises when it is away.
    """
    with runner.transactions.own() as connection:
        found = first(connection, queue)
        if found is None:
            return False
        attempt = _take(connection, found)
        ticket = None if attempt is None else _ticket(connection, attempt)
    if attempt is None or ticket is None:
        return True  # another drain was faster
    if attempt.ago_ms > FOR_MS:
        _log.error("no hook could be told that ticket %s failed: %s", attempt.ticket_id, attempt.error)
    elif runner.on_error is not None or ticket.kind != PLAIN:
        error = WorkCutOff(str(attempt.error), str(attempt.error_kind))
        verb = "error" if attempt.state == "errored" else "back off"
        hooks.after_failure(runner, ticket, error, verb, lambda own: _told(own, attempt.id))
    with runner.transactions.own() as connection:
        _told(connection, attempt.id)
    return True


def first(connection: Connection, queue: str) -> int | None:
    """The attempt of the queue that is to be told first. No lock is taken: most drains find none."""
    found = connection.execute(
        text(
            "SELECT a.id FROM counterfoil_attempts a JOIN counterfoil_tickets t ON t.id = a.ticket_id "
            f"WHERE a.tell_at IS NOT NULL AND a.tell_at <= {MOMENT[connection.dialect.name]} "
            "AND t.queue = :queue ORDER BY a.tell_at LIMIT 1"
        ),
        {"queue": queue},
    ).scalar()
    return None if found is None else int(found)


def _take(connection: Connection, attempt_id: int) -> Row[Any] | None:
    dialect = connection.dialect.name
    since = elapsed_ms(dialect, "ended_at")
    pause = after(dialect, f"{PAUSE_SECONDS} + {since} / 1000")
    return connection.execute(
        text(
            f"UPDATE counterfoil_attempts SET tell_at = {pause} "
            f"WHERE id = :id AND tell_at <= {MOMENT[dialect]} RETURNING id, ticket_id, claim, error, "
            f"error_kind, {since} AS ago_ms, (SELECT t.state FROM counterfoil_tickets t "
            "WHERE t.id = ticket_id) AS state"
        ),
        {"id": attempt_id},
    ).fetchone()


def _ticket(connection: Connection, attempt: Row[Any]) -> Claimed | None:
    """The ticket as it stands now, for hooks to look at: it holds no fence."""
    query = f"SELECT {returning(connection.dialect.name)} FROM counterfoil_tickets WHERE id = :id"
    row = connection.execute(text(query).columns(**COLUMNS), {"id": attempt.ticket_id}).fetchone()
    return None if row is None else Claimed(*row)._replace(fence="told", claims=attempt.claim)


def _told(connection: Connection, attempt_id: int) -> None:
    connection.execute(
        text("UPDATE counterfoil_attempts SET tell_at = NULL WHERE id = :id AND tell_at IS NOT NULL"),
        {"id": attempt_id},
    )
