"""What charts are drawn from, and which versions of the application have been seen."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc

SPANS = (60, 900, 14_400)
"""Seconds that one roll-up covers: for the chart of an hour, of a day, of a month."""


class Rollup(Base):
    """What happened in one queue by one view model within a span; an empty name means all of them.

    `at` is the span's beginning. `arrivals` became due; `finished` were done, `errored`, and `ended` by
    expiry or failure; `failing` attempts ended by an error; `run_ms` is worker time. `due`, `running` and
    `oldest_wait_ms` are as at its end. `waits`, `runs`: histograms of what was done. Null: not known.
    """

    __tablename__ = "counterfoil_rollups"
    __table_args__ = (Index("counterfoil_rollups_at", "span_seconds", "at"),)

    span_seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    queue: Mapped[str] = mapped_column(String(100), primary_key=True)
    view_model: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, primary_key=True)
    arrivals: Mapped[int | None] = mapped_column(BigId)
    finished: Mapped[int] = mapped_column(BigId, server_default="0")
    errored: Mapped[int] = mapped_column(BigId, server_default="0")
    ended: Mapped[int] = mapped_column(BigId, server_default="0")
    failing: Mapped[int] = mapped_column(BigId, server_default="0")
    run_ms: Mapped[int] = mapped_column(BigId, server_default="0")
    due: Mapped[int | None] = mapped_column(BigId)
    running: Mapped[int | None] = mapped_column(BigId)
    oldest_wait_ms: Mapped[int | None] = mapped_column(BigId)
    waits: Mapped[dict[str, int] | None] = mapped_column(Json)
    runs: Mapped[dict[str, int] | None] = mapped_column(Json)


class Version(Base):
    """A version of the application that a worker has run, and the view models that it knows."""

    __tablename__ = "counterfoil_versions"

    app_version: Mapped[str] = mapped_column(String(100), primary_key=True)
    first_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    last_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    view_models: Mapped[list[str] | None] = mapped_column(Json)
