"""Messages that were given up: which ones, and sending them again, with a row in the trail for each.

A message keeps its id, so that a receiver who got it after all can tell. It has all its attempts again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from .acts import Actor, Refused
from .clock import stamp
from .tables import Notice, TrailEntry

MOST = 200


def given_up(connection: Connection, most: int = MOST) -> list[Row[Any]]:
    """Messages whose last attempt has failed, latest first. Index: counterfoil_notices_failed."""
    query = select(Notice.__table__).where(Notice.failed_at.is_not(None))
    return list(connection.execute(query.order_by(Notice.failed_at.desc(), Notice.id.desc()).limit(most)))


def send_again(connection: Connection, ids: Sequence[int], by: Actor, reason: str | None = None) -> int:
    """Have these given-up messages sent again, in the caller's transaction; how many.

    Raises Refused when none of them is given up (any more): somebody was faster, or it was sent.
    """
    again = (
        update(Notice)
        .where(Notice.id.in_(ids), Notice.failed_at.is_not(None))
        .values(failed_at=None, attempts=0, next_at=stamp())
        .returning(Notice.id, Notice.person, Notice.channel, Notice.ticket_id, Notice.error)
    )
    rows = connection.execute(again).fetchall()
    if not rows:
        raise Refused("none of these notices is given up any more", "moved")
    for row in sorted(rows, key=lambda row: row.id):
        subject = f"notice {row.id} to {row.person} by {row.channel}"[:400]
        entry = {"actor": by.name, "via": by.via, "verb": "send-again", "reason": reason, "subject": subject}
        told = {"ticket_id": row.ticket_id, "before": {"state": "given up", "error": row.error}}
        connection.execute(insert(TrailEntry).values(**entry, **told, after={"state": "to be sent"}))
    return len(rows)
