"""The outbox: what persons are to be told, and the messages that tell it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc

WAITS = "channel IS NULL"
OPEN = "channel IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL"
IS_MESSAGE = "channel IS NOT NULL"


class Notice(Base):
    """Without `channel`: something that a person is to hear, written in the transaction of the move.

    With one: a message made of all of those of a person and a topic at that time (`count`), to be sent by
    that channel. `next_at`: not tried before; while it is being sent, the end of the sender's claim.
    """

    __tablename__ = "counterfoil_notices"
    __table_args__ = (
        Index(
            "counterfoil_notices_waiting", "person", "topic", "id",
            postgresql_where=text(WAITS), sqlite_where=text(WAITS),
        ),
        Index(
            "counterfoil_notices_open", "next_at", "id", postgresql_where=text(OPEN), sqlite_where=text(OPEN)
        ),
        Index(
            "counterfoil_notices_told", "person", "topic", "at",
            postgresql_where=text(IS_MESSAGE), sqlite_where=text(IS_MESSAGE),
        ),
        Index(
            "counterfoil_notices_failed", "failed_at",
            postgresql_where=text("failed_at IS NOT NULL"), sqlite_where=text("failed_at IS NOT NULL"),
        ),
        Index("counterfoil_notices_at", "at"),
        {"sqlite_autoincrement": True},  # a receiver ignores an id that it has seen
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    person: Mapped[str] = mapped_column(String(200))
    occasion: Mapped[str] = mapped_column(String(16))  # errored, failed, batch
    topic: Mapped[str] = mapped_column(String(100))  # the group of errors, or the batch
    ticket_id: Mapped[int | None] = mapped_column(BigId)
    batch_id: Mapped[int | None] = mapped_column(BigId)
    channel: Mapped[str | None] = mapped_column(String(16))
    count: Mapped[int] = mapped_column(server_default="1")
    message: Mapped[dict[str, Any] | None] = mapped_column(Json)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_at: Mapped[datetime | None] = mapped_column(Utc)
    sent_at: Mapped[datetime | None] = mapped_column(Utc)
    failed_at: Mapped[datetime | None] = mapped_column(Utc)
    error: Mapped[str | None] = mapped_column(Text)
