"""A claimed ticket: what a claim returns of its row, as the run of it needs it."""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Integer, String
from sqlalchemy.types import NULLTYPE

from .clock import MOMENT, STAMP, elapsed_ms
from .columns import Json


class Claimed(NamedTuple):
    """A running ticket as its claim returned it. `ctid` addresses the row version (PostgreSQL).

    `due_at` and `looked_at` (the claim's time) are as the driver has them.

    `past_deadline`: its `expires_at` was past when it was claimed. `postponed_ms`: since its first
    postponement.
    """

    id: int
    token: str
    kind: str
    view_model: str
    root_id: str | None
    params: Any
    encryptor: str | None
    key_id: str | None
    queue: str
    lane: str | None
    priority: int
    fence: str
    drain_id: str
    claims: int
    attempts: int
    max_attempts: int
    run: int
    batch_id: int | None
    postponed_count: int
    opened_by: str | None
    past_deadline: bool
    postponed_ms: int | None
    ctid: str | None
    due_at: Any = None
    looked_at: Any = None


COLUMNS: dict[str, Any] = {
    "id": BigInteger(),
    "token": String(),
    "kind": String(),
    "view_model": String(),
    "root_id": String(),
    "params": Json,
    "encryptor": String(),
    "key_id": String(),
    "queue": String(),
    "lane": String(),
    "priority": Integer(),
    "fence": String(),
    "drain_id": String(),
    "claims": Integer(),
    "attempts": Integer(),
    "max_attempts": Integer(),
    "run": Integer(),
    "batch_id": BigInteger(),
    "postponed_count": Integer(),
    "opened_by": String(),
    "past_deadline": Boolean(),
    "postponed_ms": BigInteger(),
    "ctid": String(),
    "due_at": NULLTYPE,
    "looked_at": NULLTYPE,
}
"""The columns of `Claimed`, in its order, with their types."""


def returning(dialect: str) -> str:
    """The RETURNING list of a claim: the columns of `Claimed`."""
    special = {
        "past_deadline": f"(expires_at IS NOT NULL AND expires_at <= {STAMP[dialect]}) AS past_deadline",
        "postponed_ms": f"{elapsed_ms(dialect, 'first_postponed_at')} AS postponed_ms",
        "ctid": "ctid::text AS ctid" if dialect == "postgresql" else "NULL AS ctid",
        "max_attempts": "coalesce(max_attempts, 1) AS max_attempts",
        "looked_at": f"{MOMENT[dialect]} AS looked_at",
    }
    return ", ".join(special.get(name, name) for name in COLUMNS)
