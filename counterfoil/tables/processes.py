"""Who runs tickets: queues and their slots, drains and their leases, workers, the scheduler's leader."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Index, SmallInteger, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc


class Queue(Base):
    """What workers listen to. `pool_size` null: slots are added as needed."""

    __tablename__ = "counterfoil_queues"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    pool_size: Mapped[int | None] = mapped_column(SmallInteger)
    target_wait_seconds: Mapped[int] = mapped_column(server_default="60")
    paused: Mapped[bool] = mapped_column(Boolean, server_default=false())
    paused_by: Mapped[str | None] = mapped_column(String(200))
    paused_at: Mapped[datetime | None] = mapped_column(Utc)
    paused_until: Mapped[datetime | None] = mapped_column(Utc)
    paused_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())


class Slot(Base):
    """One of a queue's places for a drain. Free when `until` is null or past."""

    __tablename__ = "counterfoil_slots"

    queue: Mapped[str] = mapped_column(String(100), primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    drain_id: Mapped[str | None] = mapped_column(String(32))
    until: Mapped[datetime | None] = mapped_column(Utc)


class Drain(Base):
    """A drain and its lease: `until` is pushed ahead by the worker's parent; past means that it is gone.

    `progress` and what it runs stand here and not on the ticket: no statement writes a running ticket's row.
    """

    __tablename__ = "counterfoil_drains"
    __table_args__ = (Index("counterfoil_drains_until", "until"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    queue: Mapped[str] = mapped_column(String(100))
    slot: Mapped[int | None] = mapped_column(SmallInteger)
    worker: Mapped[str | None] = mapped_column(String(200))
    started_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    renewed_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    until: Mapped[datetime] = mapped_column(Utc)
    ticket_id: Mapped[int | None] = mapped_column(BigId)
    progress_done: Mapped[int | None]
    progress_total: Mapped[int | None]
    progress_text: Mapped[str | None] = mapped_column(String(200))


class Process(Base):
    """A live worker, scheduler or console process; `seen_until` past means that it is gone."""

    __tablename__ = "counterfoil_workers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sort: Mapped[str] = mapped_column(String(16))  # worker, scheduler
    host: Mapped[str | None] = mapped_column(String(200))
    pid: Mapped[int | None]
    queues: Mapped[list[str] | None] = mapped_column(Json)
    app_version: Mapped[str | None] = mapped_column(String(100))
    started_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    seen_until: Mapped[datetime] = mapped_column(Utc)
    duties: Mapped[dict[str, Any] | None] = mapped_column(Json)  # scheduler: duty -> last run, cost, count
    wish: Mapped[str | None] = mapped_column(String(32))  # an operator's: stop
    reachable: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what it sees of Redis


class Leader(Base):
    """The one row that says which scheduler acts; `term` rises at every change."""

    __tablename__ = "counterfoil_leader"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str | None] = mapped_column(String(200))
    term: Mapped[int] = mapped_column(BigId, server_default="0")
    until: Mapped[datetime | None] = mapped_column(Utc)


class Sample(Base):
    """One snapshot a second of counts and rates, written by the sampler, read by every page."""

    __tablename__ = "counterfoil_samples"
    __table_args__ = (Index("counterfoil_samples_at", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    cost_ms: Mapped[int] = mapped_column(server_default="0")
    counts: Mapped[dict[str, int]] = mapped_column(Json)  # tab -> number of tickets
    queues: Mapped[dict[str, Any]] = mapped_column(Json)  # queue -> due, oldest_wait_ms, running, rate ...
    rates: Mapped[dict[str, Any]] = mapped_column(Json)  # finished, failed in the last minute
