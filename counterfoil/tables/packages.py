"""Work packages: what a ticket is about besides its root, and tickets that are counted together."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc


class Element(Base):
    """A record that a ticket refers to, of any class: `Invoice!42`; ordered, unique within its ticket."""

    __tablename__ = "counterfoil_elements"
    __table_args__ = (UniqueConstraint("ticket_id", "element_id"),)

    ticket_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, 3 ...
    element_id: Mapped[str] = mapped_column(String(400))


class Batch(Base):
    """Tickets that are counted together; opened by `open_batch`, meaning in `batches`.

    Its numbers are counted from the tickets; `gone_*` are those that the purge has taken, by final state.
    `sealed`: its opener said that no more tickets come. `closed_at`: it was complete then.
    """

    __tablename__ = "counterfoil_batches"
    __table_args__ = (
        Index(
            "counterfoil_batches_open",
            "id",
            postgresql_where=text("closed_at IS NULL"),
            sqlite_where=text("closed_at IS NULL"),
        ),
        Index("counterfoil_batches_parent", "parent_id", "id"),
        Index("counterfoil_batches_closed", "closed_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    label: Mapped[str] = mapped_column(String(200))
    expected: Mapped[int | None]
    sealed: Mapped[bool] = mapped_column(server_default=false())
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("counterfoil_batches.id"))
    opened_by: Mapped[str | None] = mapped_column(String(200))
    opened_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    closed_at: Mapped[datetime | None] = mapped_column(Utc)
    follow_up: Mapped[str | None] = mapped_column(String(200))
    follow_up_root_id: Mapped[str | None] = mapped_column(String(400))
    follow_up_root_label: Mapped[str | None] = mapped_column(String(200))
    follow_up_params: Mapped[dict[str, Any] | None] = mapped_column(Json)
    follow_up_ticket_id: Mapped[int | None] = mapped_column(BigId)
    gone_done: Mapped[int] = mapped_column(server_default="0")
    gone_errored: Mapped[int] = mapped_column(server_default="0")
    gone_expired: Mapped[int] = mapped_column(server_default="0")
    gone_failed: Mapped[int] = mapped_column(server_default="0")
