"""An application that knows subscribers; others insert tickets for them by plain SQL."""

import os

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

from counterfoil import Counterfoil, method, root
from counterfoil.database import make_engine


class Base(DeclarativeBase):
    """Of the application's own tables."""


@root(label=lambda subscriber: subscriber.name)
class Subscriber(Base):
    """Somebody who gets a number."""

    __tablename__ = "subscribers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    number: Mapped[int | None]

    @method(queue="numbers", lane="number:{root_id}", priority="high")
    def assign_number(self) -> str:
        """The work."""
        self.number = 1000 + self.id
        return f"number {self.number}"


def make() -> Counterfoil:
    """For COUNTERFOIL_APP."""
    return Counterfoil(scoped_session(sessionmaker(make_engine(os.environ["DATABASE_URL"]))))
