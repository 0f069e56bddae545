"""The purge: receipts whose time is over, with their logs and attempts. The trail outlives them.

Deletes only final tickets past `delete_time` that are not kept; in chunks, so that no lock is long; rows that
somebody is just moving (a retry) are skipped and looked at again.
"""

from sqlalchemy import BigInteger, Connection, bindparam, text

from .clock import MOMENT
from .door import TABLE
from .moves import MOVES

CHUNK = 1000


def purge(connection: Connection, chunk: int = CHUNK) -> int:
    """Delete up to `chunk` receipts whose time is over (index _purge). Returns how many."""
    dialect = connection.dialect.name
    moment = MOMENT[dialect]
    states = ", ".join(map(repr, MOVES["purge"].leaves))
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = (
        f"done IS NOT NULL AND delete_time <= {moment} AND state IN ({states}) "
        f"AND (kept IS NULL OR kept <= {moment})"
    )
    rows = connection.execute(
        text(
            f"DELETE FROM {TABLE} WHERE id IN (SELECT id FROM {TABLE} WHERE {due} "
            f"ORDER BY delete_time, id LIMIT :chunk {locked}) AND {due} RETURNING id"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"chunk": chunk},
    ).fetchall()
    ids = [{"id": row.id} for row in rows]
    if ids:
        connection.execute(text("DELETE FROM counterfoil_attempts WHERE ticket_id = :id"), ids)
        connection.execute(text("DELETE FROM counterfoil_logs WHERE ticket_id = :id"), ids)
    return len(ids)
