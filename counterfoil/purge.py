"""The purge: receipts whose time is over, with their logs, attempts and elements. The trail outlives them.

Deletes only final tickets past `delete_time` that are not kept and of no open batch; in chunks, so
that no lock is long; rows that somebody is just moving (a retry) are skipped and looked at again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select, text

from . import batches
from .clock import MOMENT
from .database import among, by
from .door import TABLE
from .moves import MOVES
from .tables import TicketParam

CHUNK = 1000


def purge(connection: Connection, chunk: int = CHUNK) -> int:
    """Delete up to `chunk` receipts whose time is over; those that were kept until a time after the others.

    Indexes: counterfoil_tickets_purge, counterfoil_tickets_kept. A million kept as evidence costs nothing.
    """
    batches.put_off(connection, chunk)
    moment = MOMENT[connection.dialect.name]
    plain = _delete(
        connection, "purge", f"kept IS NULL AND delete_time <= {moment}", "delete_time, id", chunk
    )
    if plain == chunk:
        return plain
    kept = f"kept IS NOT NULL AND kept <= {moment} AND delete_time <= {moment}"
    return plain + _delete(connection, "kept", kept, "kept, id", chunk - plain)


def _delete(connection: Connection, index: str, over: str, order: str, chunk: int) -> int:
    dialect = connection.dialect.name
    states = ", ".join(map(repr, MOVES["purge"].leaves))
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = f"done IS NOT NULL AND {over} AND state IN ({states})"
    found = f"SELECT id FROM {TABLE}{by(dialect, index)} WHERE {due} ORDER BY {order} LIMIT :chunk {locked}"
    rows = connection.execute(
        text(
            f"DELETE FROM {TABLE} WHERE {among(dialect, found)} AND {batches.MAY_GO} "
            "RETURNING id, batch_id, state"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"chunk": chunk},
    ).fetchall()
    ids = [{"id": row.id} for row in rows]
    if ids:
        tables = ["attempts", "logs", "elements"] + ["params"] * _any_params(connection, rows)
        for table in tables:
            connection.execute(text(f"DELETE FROM counterfoil_{table} WHERE ticket_id = :id"), ids)
        batches.count_gone(connection, rows)
    return len(ids)


def _any_params(connection: Connection, rows: Sequence[Any]) -> bool:
    """Whether any of these tickets, or one between them, has a searchable param: most houses have none."""
    ids = [row.id for row in rows]
    between = select(TicketParam.ticket_id).where(TicketParam.ticket_id.between(min(ids), max(ids)))
    return connection.execute(between.limit(1)).first() is not None
