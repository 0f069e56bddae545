"""Errors of one cause, as one row."""

from datetime import datetime

from sqlalchemy import Boolean, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..columns import BigId, Json, Utc


class ErrorGroup(Base):
    """Failures with one fingerprint: how many, since when, an example; kept by the scheduler, not by workers.

    `failures` counts failed attempts, `errored` the tickets that are errored now. `trend`: failed attempts by
    ten minutes, keyed by the number of the ten minutes since 1970. `app_version` is the first one's.

    Muted until a time (`muted_until`), until `failures` reaches `muted_failures`, or (`muted_quiet`) until an
    hour has passed without a failure; one of the three, told by `muted_at` and `muted_by`.
    """

    __tablename__ = "counterfoil_errors"
    __table_args__ = (
        Index("counterfoil_errors_seen", "last_seen_at"),
        Index("counterfoil_errors_traceback", "traceback_id"),
        Index(
            "counterfoil_errors_errored",
            "errored",
            postgresql_where=text("errored > 0"),
            sqlite_where=text("errored > 0"),
        ),
    )

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    class_name: Mapped[str | None] = mapped_column(String(200))
    place: Mapped[str | None] = mapped_column(String(400))
    error: Mapped[str | None] = mapped_column(Text)
    error_kind: Mapped[str | None] = mapped_column(String(16))
    view_model: Mapped[str | None] = mapped_column(String(200))
    first_seen_at: Mapped[datetime] = mapped_column(Utc)
    last_seen_at: Mapped[datetime] = mapped_column(Utc)
    app_version: Mapped[str | None] = mapped_column(String(100))
    last_app_version: Mapped[str | None] = mapped_column(String(100))
    failures: Mapped[int] = mapped_column(BigId, server_default="0")
    errored: Mapped[int] = mapped_column(BigId, server_default="0")
    trend: Mapped[dict[str, int] | None] = mapped_column(Json)
    ticket_id: Mapped[int | None] = mapped_column(BigId)
    traceback_id: Mapped[str | None] = mapped_column(String(64))
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(Text)
    muted_until: Mapped[datetime | None] = mapped_column(Utc)
    muted_by: Mapped[str | None] = mapped_column(String(200))
    muted_at: Mapped[datetime | None] = mapped_column(Utc)
    muted_failures: Mapped[int | None] = mapped_column(BigId)
    muted_quiet: Mapped[bool] = mapped_column(Boolean, server_default=false())
