"""Rotation: what is sealed with an old key is sealed again with the current one, in chunks.

Every ticket is changed by a conditional update that names its `moves`: one that runs, is locked or has moved
since it was read is left as it is and taken up by the next run. It walks the tickets by id once, for a
command; nothing in a request does. A key may leave the settings when a run leaves nothing behind.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select

from . import door
from .acts import Actor
from .declaration import RegistryError
from .encryptors import CannotDecrypt
from .keyring import KeyMissing
from .registry import Registry
from .sealed_params import sealed_columns, unseal
from .tables import TrailEntry
from .ticket import Ticket

CHUNK = 500


@dataclass
class Rotated:
    """How far a rotation came: the id of the last ticket looked at, how many were sealed again, what was not.

    `left`: running, locked or moved meanwhile. `unreadable`: why -> how many.
    """

    last_id: int = 0
    sealed: int = 0
    left: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)


def rotate(connection: Connection, known: Registry, by: Actor, so_far: Rotated, chunk: int = CHUNK) -> bool:
    """Take the next chunk, in the caller's transaction, with one row in the trail; False at the end.

    Raises KeyMissing when there is no current key.
    """
    current = {name: encryptor.current_key_id() for name, encryptor in known.encryptors.items()}
    rows = _found(connection, current, so_far.last_id, chunk)
    before: dict[str, int] = {}
    for row in rows:
        so_far.last_id = row.id
        try:
            made = sealed_columns(unseal(row, known), row.token, row.view_model, row.encryptor, known)
        except (CannotDecrypt, KeyMissing, RegistryError) as error:
            so_far.unreadable[str(error)] = so_far.unreadable.get(str(error), 0) + 1
            continue
        binds = {"params": made["params"], "key_id": made["key_id"]}
        if row.state == "running" or not _moved(connection, row.id, row.moves, binds):
            so_far.left += 1
            continue
        so_far.sealed += 1
        before[row.key_id or ""] = before.get(row.key_id or "", 0) + 1
    if before:
        entry = {"tickets": sum(before.values()), "to": sorted(filter(None, current.values()))}
        connection.execute(
            insert(TrailEntry).values(
                actor=by.name, via=by.via, verb="rotate keys", subject="encrypted params",
                before=before, after=entry,
            )
        )  # fmt: skip
    return len(rows) == chunk


def _moved(connection: Connection, ticket_id: int, moves: int, binds: dict[str, Any]) -> bool:
    return door.move(connection, "reseal", ticket_id, expected_moves=moves, **binds) is not None


def _found(connection: Connection, current: dict[str, str | None], after: int, chunk: int) -> list[Row[Any]]:
    """The next tickets that are sealed with another key than the current one of their encryptor."""
    columns = ("id", "state", "moves", "token", "view_model", "params", "encryptor", "key_id")
    fresh = [
        and_(Ticket.encryptor == name, func.coalesce(Ticket.key_id, "") == (key_id or ""))
        for name, key_id in current.items()
    ]
    query = (
        select(*(getattr(Ticket, name) for name in columns))
        .where(Ticket.id > after, Ticket.encryptor.is_not(None), ~or_(*fresh))
        .order_by(Ticket.id)
        .limit(chunk)
    )
    return list(connection.execute(query.with_for_update(skip_locked=True)))
