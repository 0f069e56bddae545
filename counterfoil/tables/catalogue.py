"""What workers know, written when they start: the console and plain SQL read it, never the code."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, SmallInteger, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import Json, Utc


class ViewModelRecord(Base):
    """A registered view model. The insert trigger fills a ticket's lane, queue, priority from here.

    `queue` is the code's, `route` an operator's, which wins until taken back. `known_until`: workers that
    know the view model push it ahead of the clock; in the past means that no live worker knows it.
    """

    __tablename__ = "counterfoil_view_models"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    sort: Mapped[str] = mapped_column(String(16))  # actions, method, target, processor
    root_class: Mapped[str | None] = mapped_column(String(200))
    queue: Mapped[str] = mapped_column(String(100), server_default="default")
    route: Mapped[str | None] = mapped_column(String(100))
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="5")
    lane: Mapped[str | None] = mapped_column(String(200))
    max_attempts: Mapped[int] = mapped_column(SmallInteger, server_default="5")
    timeout_seconds: Mapped[int] = mapped_column(server_default="300")
    keep_receipt_minutes: Mapped[int] = mapped_column(server_default="10")
    transactional: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    signature: Mapped[dict[str, Any] | None] = mapped_column(Json)
    searchable: Mapped[list[str] | None] = mapped_column(Json)
    former_names: Mapped[list[str] | None] = mapped_column(Json)
    doc: Mapped[str | None] = mapped_column(Text)
    in_charge: Mapped[str | None] = mapped_column(String(200))
    app_version: Mapped[str | None] = mapped_column(String(100))
    first_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    known_until: Mapped[datetime | None] = mapped_column(Utc)
    paused: Mapped[bool] = mapped_column(Boolean, server_default=false())
    paused_by: Mapped[str | None] = mapped_column(String(200))
    paused_at: Mapped[datetime | None] = mapped_column(Utc)
    paused_until: Mapped[datetime | None] = mapped_column(Utc)
    paused_reason: Mapped[str | None] = mapped_column(Text)


class TicketKind(Base):
    """A subclass of Ticket with own columns, in a table of the host's: how the console finds them."""

    __tablename__ = "counterfoil_kinds"

    kind: Mapped[str] = mapped_column(String(50), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(200))
    schema_name: Mapped[str | None] = mapped_column(String(200))
    key_column: Mapped[str] = mapped_column(String(200))
    columns: Mapped[list[str]] = mapped_column(Json)
    first_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())


class RootClass(Base):
    """A class of the application whose objects tickets are about."""

    __tablename__ = "counterfoil_root_classes"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    key_columns: Mapped[list[str] | None] = mapped_column(Json)
    former_names: Mapped[list[str] | None] = mapped_column(Json)
    link: Mapped[str | None] = mapped_column(Text)  # a template: https://shop.example/customers/{key}
    first_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
