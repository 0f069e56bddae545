"""Who may use the console."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Json, Utc


class User(Base):
    """A person who signs in. `password_hash` is argon2id; null until the entry link was used."""

    __tablename__ = "counterfoil_users"
    __table_args__ = (CheckConstraint("role IN ('viewer','operator','admin')", name="role"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)  # e-mail or short name, lower case
    role: Mapped[str] = mapped_column(String(16), server_default="viewer")
    password_hash: Mapped[str | None] = mapped_column(String(200))
    off: Mapped[bool] = mapped_column(Boolean, server_default=false())
    preferences: Mapped[dict[str, Any] | None] = mapped_column(Json)  # theme, zone, shortcuts
    created_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    signed_in_at: Mapped[datetime | None] = mapped_column(Utc)


class ConsoleSession(Base):
    """A signed-in browser. `id` is the SHA-256 of the cookie's random value, which itself is not stored."""

    __tablename__ = "counterfoil_sessions"
    __table_args__ = (Index("counterfoil_sessions_user", "user_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("counterfoil_users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    last_seen_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    expires_at: Mapped[datetime] = mapped_column(Utc)
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(200))


class EntryLink(Base):
    """A one-time link that lets a person set a password. `id` is the SHA-256 of the link's token."""

    __tablename__ = "counterfoil_entry_links"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("counterfoil_users.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    expires_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime | None] = mapped_column(Utc)
