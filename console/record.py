"""The trail's rows that are not about a ticket: people, sign-ins, denied attempts."""

from typing import Any

from sqlalchemy import Connection, insert

from counterfoil.acts import Actor
from counterfoil.tables import TrailEntry


def record(
    connection: Connection,
    by: Actor,
    verb: str,
    subject: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
    refused: str | None = None,
) -> None:
    """Write one row in the caller's transaction. `subject` names the thing: "user ada", "queue numbers"."""
    connection.execute(
        insert(TrailEntry).values(
            actor=by.name,
            via=by.via,
            verb=verb,
            subject=subject[:400],
            before=before,
            after=after,
            reason=reason,
            refused=refused,
        )
    )
