"""Bulk acts: a preview, a frozen set, and what became of each ticket of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc

OPERATION_STATES = ("asked", "previewed", "started", "stopping", "stopped", "done", "refused")


class Operation(Base):
    """One verb on many tickets.

    Life: asked -> (scheduler freezes the set and counts) previewed -> (an operator) started -> done; stopping
    -> stopped in between; refused when the verb may not be used so. `query` is the filter's query string,
    `ids` the tickets picked by hand; one of the two. `submit_token` makes a repeated submit one operation.

    `pace` is what the person chose: all (at once) or canary. `phase` is where a started canary is: canary
    (its first tickets are acted on), watching (their outcomes are awaited), halted (too few succeeded, see
    `halted_why`), paced (`pace_per_minute`, used up to `paced_at`); null: without a bound. `undo_of`: this
    one takes back what that operation did.
    """

    __tablename__ = "counterfoil_operations"
    __table_args__ = (
        CheckConstraint(
            "state IN ('asked','previewed','started','stopping','stopped','done','refused')", name="state"
        ),
        Index("counterfoil_operations_open", "state", "id"),
        Index(
            "counterfoil_operations_undo",
            "undo_of",
            postgresql_where=text("undo_of IS NOT NULL"),
            sqlite_where=text("undo_of IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    submit_token: Mapped[str] = mapped_column(String(64), unique=True)
    verb: Mapped[str] = mapped_column(String(32))
    query: Mapped[str | None] = mapped_column(Text)
    ids: Mapped[list[int] | None] = mapped_column(Json)
    arguments: Mapped[dict[str, Any] | None] = mapped_column(Json)
    reason: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), server_default="asked")
    refusal: Mapped[str | None] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    previewed_at: Mapped[datetime | None] = mapped_column(Utc)
    started_by: Mapped[str | None] = mapped_column(String(200))
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    frozen_through: Mapped[str | None] = mapped_column(Text)  # the set is complete up to this place (keyset)
    matched: Mapped[int] = mapped_column(server_default="0")
    by_state: Mapped[dict[str, int] | None] = mapped_column(Json)
    skipped_at_preview: Mapped[dict[str, int] | None] = mapped_column(Json)
    changed: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    pace: Mapped[str] = mapped_column(String(8), server_default="all")
    phase: Mapped[str | None] = mapped_column(String(16))
    canary: Mapped[list[int] | None] = mapped_column(Json)  # the tickets whose outcomes decide
    halted_why: Mapped[str | None] = mapped_column(Text)
    pace_per_minute: Mapped[float | None] = mapped_column(Float)
    paced_at: Mapped[datetime | None] = mapped_column(Utc)
    undo_of: Mapped[int | None] = mapped_column(BigId)


class OperationItem(Base):
    """One ticket of an operation's frozen set: its `moves` as it was then, and what became of it.

    `trail_id` is the act that was done on it; `undoes` the act that an undo takes back.
    """

    __tablename__ = "counterfoil_operation_items"
    __table_args__ = (
        Index(
            "counterfoil_operation_items_open",
            "operation_id",
            "ticket_id",
            postgresql_where=text("result IS NULL"),
            sqlite_where=text("result IS NULL"),
        ),
    )

    operation_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("counterfoil_operations.id", ondelete="CASCADE"), primary_key=True
    )
    ticket_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    moves: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    result: Mapped[str | None] = mapped_column(String(16))  # changed, skipped, failed
    reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime | None] = mapped_column(Utc)
    trail_id: Mapped[int | None] = mapped_column(BigId)
    undoes: Mapped[int | None] = mapped_column(BigId)
