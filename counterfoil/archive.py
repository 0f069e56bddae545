"""The archive: a ticket's whole story as one line of JSON, written before the purge deletes it.

One object a line (JSON Lines, UTF-8): the ticket's columns, and its attempts with their tracebacks, logs,
elements and trail. A file a day and scheduler, so that no two write one. Lines are on the disk (fsync) before
the rows are deleted, in the transaction that deletes them: nothing is lost, and where that transaction breaks
off, the ticket is archived again. So a line may stand twice: the `id`, which is never used twice, tells. What
a broken write left at the end of a file is cut off by the next one.

The columns of a ticket's own kind, which are in a table of the host's, stand under `own`. Encrypted params
stay encrypted; values under a secret's name are masked, in params, receipts, own columns and texts.
"""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from . import own_columns
from .clock import stamp
from .masking import masked, masked_text
from .tables import Attempt, Element, Log, Traceback, TrailEntry
from .ticket import Ticket

PARTS: dict[str, Any] = {"attempts": Attempt, "logs": Log, "elements": Element, "trail": TrailEntry}
TEXTS = frozenset(("error", "message", "traceback", "postponed_reason", "refused"))
LEFT_OUT = frozenset(("token", "fence", "drain_id"))  # they open doors, or opened them
MASKED = frozenset(("params", "receipt", "before", "after"))


class Archive:
    """The folder, and who writes there (a scheduler's name). Raises OSError when it cannot be written."""

    def __init__(self, folder: Path, writer: str) -> None:
        self.folder = folder
        self.writer = "".join(c if c.isalnum() or c in "-_" else "-" for c in writer)

    def keep(self, connection: Connection, ids: Sequence[int]) -> None:
        """Write these tickets' lines and have them on the disk."""
        if not ids:
            return
        now: datetime = connection.execute(select(stamp())).scalar_one()
        written = "".join(
            json.dumps({"archived_at": now.isoformat()} | line, ensure_ascii=False) + "\n"
            for line in lines(connection, ids)
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        _append(self.folder / f"tickets-{now:%Y-%m-%d}-{self.writer}.jsonl", written.encode())


def lines(connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The tickets' stories, in the order of their ids."""
    parts: dict[str, dict[int, list[Any]]] = {name: defaultdict(list) for name in PARTS}
    for name, table in PARTS.items():
        rows = connection.execute(_part(table).where(table.ticket_id.in_(ids)))
        for row in rows.mappings():
            told = {column: _plain(column, value) for column, value in row.items() if column != "ticket_id"}
            parts[name][row["ticket_id"]].append(told)
    query = select(Ticket.__table__).where(Ticket.id.in_(ids)).order_by(Ticket.id)
    tickets = connection.execute(query).mappings().all()
    own = _own(connection, tickets)
    return [
        {
            column: _plain(column, value, row["encryptor"] is not None)
            for column, value in row.items()
            if column not in LEFT_OUT
        }
        | own.get(row["id"], {})
        | {name: found[row["id"]] for name, found in parts.items()}
        for row in tickets
    ]


def _own(connection: Connection, tickets: Sequence[Any]) -> dict[int, dict[str, Any]]:
    kinds: dict[str, list[int]] = defaultdict(list)
    for row in tickets:
        kinds[row["kind"]].append(row["id"])
    return {
        ticket: {"own": masked(columns)}
        for kind, ids in kinds.items()
        for ticket, columns in own_columns.read(connection, kind, ids).items()
    }


def _part(table: Any) -> Any:
    if table is Attempt:
        joined = Attempt.__table__.outerjoin(Traceback, Traceback.id == Attempt.traceback_id)
        query = select(Attempt.__table__, Traceback.text.label("traceback")).select_from(joined)
    else:
        query = select(table.__table__)
    return query.order_by(*table.__table__.primary_key.columns)


def _plain(column: str, value: Any, encrypted: bool = False) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if column in MASKED and not (encrypted and column == "params"):
        return masked(value)
    return masked_text(value) if column in TEXTS and value is not None else value


def _append(path: Path, data: bytes) -> None:
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = _whole(descriptor)
        try:
            os.lseek(descriptor, end, os.SEEK_SET)
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if new:
        _fsync_folder(path.parent)


def _whole(descriptor: int) -> int:
    """Cut off what a broken write left behind the last line's end; the length then."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end = max(0, end - 1)
    os.ftruncate(descriptor, end)
    return end


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
