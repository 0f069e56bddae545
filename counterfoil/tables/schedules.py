"""Recurring tickets: what the code declared, what an operator paused, when the next one is due."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc


class ScheduleRecord(Base):
    """A schedule, written by workers when they start; the pause is an operator's and never theirs.

    `next_at` is the fire that comes next: whoever moves it ahead plants the ticket, in one transaction.
    `last_fire_at`: the latest fire that planted one (`last_ticket_id`). `known_until` as of view models.
    """

    __tablename__ = "counterfoil_schedules"
    __table_args__ = (Index("counterfoil_schedules_next", "next_at"),)

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    cron: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(100))
    view_model: Mapped[str] = mapped_column(String(200))
    params: Mapped[dict[str, Any] | None] = mapped_column(Json)
    catch_up: Mapped[str] = mapped_column(String(8))  # one, all, none
    opens: Mapped[str | None] = mapped_column(String(200))  # the view model of a query's tickets
    app_version: Mapped[str | None] = mapped_column(String(100))
    first_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    known_until: Mapped[datetime | None] = mapped_column(Utc)
    next_at: Mapped[datetime | None] = mapped_column(Utc)
    last_fire_at: Mapped[datetime | None] = mapped_column(Utc)
    last_planted_at: Mapped[datetime | None] = mapped_column(Utc)
    last_ticket_id: Mapped[int | None] = mapped_column(BigId)
    paused: Mapped[bool] = mapped_column(Boolean, server_default=false())
    paused_by: Mapped[str | None] = mapped_column(String(200))
    paused_at: Mapped[datetime | None] = mapped_column(Utc)
    paused_until: Mapped[datetime | None] = mapped_column(Utc)
    paused_reason: Mapped[str | None] = mapped_column(Text)
