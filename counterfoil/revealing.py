"""Revealing a ticket's params to a person who may see secrets: recorded before they are shown.

Params are returned as they are stored, typed values with their tags, decrypted when they are encrypted.
"""

from typing import Any

from sqlalchemy import Connection, insert, select

from .acts import Actor, Refused
from .declaration import RegistryError
from .encryptors import CannotDecrypt
from .keyring import KeyMissing
from .registry import Registry
from .sealed_params import unseal
from .tables import TrailEntry
from .ticket import Ticket


def reveal(
    connection: Connection, ticket_id: int, by: Actor, known: Registry, reason: str | None = None
) -> Any:
    """The stored params, with a row in the trail, in the caller's transaction: commit, then show.

    Raises Refused: gone (no such ticket), argument (there are none, or this process cannot open them; the
    text names the key).
    """
    columns = (
        Ticket.root_id,
        Ticket.params,
        Ticket.encryptor,
        Ticket.key_id,
        Ticket.token,
        Ticket.view_model,
    )
    row = connection.execute(select(*columns).where(Ticket.id == ticket_id)).one_or_none()
    if row is None:
        raise Refused(f"there is no ticket {ticket_id}: it was never opened here, or it was purged", "gone")
    if row.params is None:
        raise Refused(f"ticket {ticket_id} has no params", "argument")
    try:
        found = row.params if row.encryptor is None else unseal(row, known)
    except (CannotDecrypt, KeyMissing, RegistryError) as error:
        raise Refused(f"the params of ticket {ticket_id} cannot be shown: {error}", "argument") from None
    sealed = {"encryptor": row.encryptor, "key_id": row.key_id}
    connection.execute(
        insert(TrailEntry).values(
            actor=by.name, via=by.via, verb="reveal", ticket_id=ticket_id, root_id=row.root_id,
            view_model=row.view_model, reason=reason, after=sealed,
        )
    )  # fmt: skip
    return found
