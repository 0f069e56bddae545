"""What a search needs beside the tickets: the params that are searched by, and what people have saved."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from ..base import Base
from ..clock import stamp
from ..columns import BigId, Utc


class TicketParam(Base):
    """A param that its view model declares searchable, written by a trigger when the ticket is opened.

    `value` is its text (of a tagged value the text inside), 200 characters at most.
    """

    __tablename__ = "counterfoil_params"
    __table_args__ = (Index("counterfoil_params_value", "name", "value", "ticket_id"),)

    ticket_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


class Search(Base):
    """A search that a person has saved under a name; `query` is the list's query string."""

    __tablename__ = "counterfoil_searches"
    __table_args__ = (UniqueConstraint("user_id", "name", name="counterfoil_searches_name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("counterfoil_users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
