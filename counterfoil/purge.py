"""The purge: receipts whose time is over, with their logs, attempts and elements. The trail outlives them.

Deletes only final tickets past `delete_time` that are not kept and of no open batch; in chunks, so
that no lock is long; rows that somebody is just moving (a retry) are skipped and looked at again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select, text

from . import batches
from .archive import Archive
from .clock import MOMENT
from .database import among, by
from .door import TABLE
from .moves import MOVES
from .sqlite import begin_immediate
from .tables import TicketParam

CHUNK = 1000


def purge(connection: Connection, chunk: int = CHUNK, archive: Archive | None = None) -> int:
    """Delete up to `chunk` receipts whose time is over; those that were kept until a time after the others.

    With an `archive` each is written there first; where that fails (OSError), none of them is deleted.
    Indexes: counterfoil_tickets_purge, counterfoil_tickets_kept. A million kept as evidence costs nothing.
    """
    batches.put_off(connection, chunk)
    moment = MOMENT[connection.dialect.name]
    plain = _delete(
        connection, "purge", f"kept IS NULL AND delete_time <= {moment}", "delete_time, id", chunk, archive
    )
    if plain == chunk:
        return plain
    kept = f"kept IS NOT NULL AND kept <= {moment} AND delete_time <= {moment}"
    return plain + _delete(connection, "kept", kept, "kept, id", chunk - plain, archive)


def _delete(
    connection: Connection, index: str, over: str, order: str, chunk: int, archive: Archive | None
) -> int:
    dialect = connection.dialect.name
    states = ", ".join(map(repr, MOVES["purge"].leaves))
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = f"done IS NOT NULL AND {over} AND state IN ({states})"
    found = (
        f"SELECT id FROM {TABLE}{by(dialect, index)} WHERE {{}}{due} ORDER BY {order} LIMIT :chunk {locked}"
    )
    this = among(dialect, found.format(""))
    binds: dict[str, Any] = {"chunk": chunk}
    named = bindparam("chunk", type_=BigInteger())
    if archive is not None:
        # Locked from here on (SQLite: the whole database), so that what is archived is what is deleted.
        begin_immediate(connection)
        first = text(found.format(f"{batches.MAY_GO} AND ")).bindparams(named)
        locked_ids = connection.execute(first, binds).scalars().all()
        archive.keep(connection, locked_ids)
        this, binds, named = "id IN :ids", {"ids": locked_ids}, bindparam("ids", expanding=True)
    rows = connection.execute(
        text(
            f"DELETE FROM {TABLE} WHERE {this} AND {batches.MAY_GO} RETURNING id, batch_id, state"
        ).bindparams(named),
        binds,
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
