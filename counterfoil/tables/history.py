"""What happened to tickets that did not simply succeed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, SmallInteger, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc


class Attempt(Base):
    """One claim of a ticket that did not end in a plain finish: it failed, was postponed, given back or lost.

    `claim` is the ticket's `claims` at that time, `run` its run; `outcome` the verb that ended it
    (back off, error, fail, postpone, lapse, give back, stop). Times are the database's.
    """

    __tablename__ = "counterfoil_attempts"
    __table_args__ = (
        Index("counterfoil_attempts_ticket", "ticket_id", "claim"),
        Index(
            "counterfoil_attempts_traceback",
            "traceback_id",
            postgresql_where=text("traceback_id IS NOT NULL"),
            sqlite_where=text("traceback_id IS NOT NULL"),
        ),
        Index("counterfoil_attempts_ended", "ended_at"),
        # What the scheduler has not folded into its group yet: empty but for the last beat's failures.
        Index(
            "counterfoil_attempts_ungrouped",
            "id",
            postgresql_where=text("fingerprint IS NOT NULL AND NOT grouped"),
            sqlite_where=text("fingerprint IS NOT NULL AND NOT grouped"),
        ),
        Index(
            "counterfoil_attempts_untold",
            "tell_at",
            postgresql_where=text("tell_at IS NOT NULL"),
            sqlite_where=text("tell_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    ticket_id: Mapped[int] = mapped_column(BigId)
    claim: Mapped[int]
    run: Mapped[int] = mapped_column(server_default="0")
    outcome: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    duration_ms: Mapped[int | None] = mapped_column(BigId)
    error: Mapped[str | None] = mapped_column(Text)
    error_kind: Mapped[str | None] = mapped_column(String(16))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    place: Mapped[str | None] = mapped_column(String(400))  # module:function of the innermost own frame
    grouped: Mapped[bool] = mapped_column(Boolean, server_default=false())
    traceback_id: Mapped[str | None] = mapped_column(String(64))
    worker: Mapped[str | None] = mapped_column(String(200))
    app_version: Mapped[str | None] = mapped_column(String(100))
    tell_at: Mapped[datetime | None] = mapped_column(Utc)  # the application's hooks are to hear of it then


class Traceback(Base):
    """The text of a traceback, stored once; `id` is its SHA-256."""

    __tablename__ = "counterfoil_tracebacks"
    __table_args__ = (Index("counterfoil_tracebacks_seen", "seen_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())


class Log(Base):
    """A line that the work logged; written by the worker's parent, so that it survives a rollback."""

    __tablename__ = "counterfoil_logs"
    __table_args__ = (Index("counterfoil_logs_ticket", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    ticket_id: Mapped[int] = mapped_column(BigId)
    claim: Mapped[int]
    at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    level: Mapped[int] = mapped_column(SmallInteger)  # as in the standard library: 10 debug .. 50 critical
    message: Mapped[str] = mapped_column(Text)


class TrailEntry(Base):
    """The trail: who did what, why, before and after; append-only, in the transaction of the change.

    `actor` is a person ("ada@example.org"), a duty ("scheduler: deadlines") or a process; `via` is console,
    api, cli, scheduler, worker. `subject` names what is not a ticket: "queue numbers", "user ada".
    """

    __tablename__ = "counterfoil_trail"
    __table_args__ = (
        Index("counterfoil_trail_ticket", "ticket_id", "id"),
        Index("counterfoil_trail_at", "at"),
        Index("counterfoil_trail_operation", "operation_id"),
        # What is not about a ticket: what charts mark, behind no million of bulk acts.
        Index(
            "counterfoil_trail_house",
            "at",
            postgresql_where=text("ticket_id IS NULL"),
            sqlite_where=text("ticket_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    actor: Mapped[str] = mapped_column(String(200))
    via: Mapped[str] = mapped_column(String(16))
    verb: Mapped[str] = mapped_column(String(32))
    ticket_id: Mapped[int | None] = mapped_column(BigId)
    root_id: Mapped[str | None] = mapped_column(String(400))
    view_model: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(400))
    reason: Mapped[str | None] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)
    operation_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("counterfoil_operations.id"))
    refused: Mapped[str | None] = mapped_column(Text)  # a denied attempt: why
