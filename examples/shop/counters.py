"""Numbers without gaps."""

from sqlalchemy import update
from sqlalchemy.orm import Mapped, mapped_column

from .db import Model, db


class Counter(Model):
    """The last number given, by name."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]

    @classmethod
    def take(cls, name: str) -> int:
        """The next number, in the transaction that is open: a rollback gives it back, so there is no gap.

        Whoever takes one makes everybody else wait until the commit. In a lane nobody else is there to wait.
        """
        one_more = update(cls).where(cls.name == name).values(value=cls.value + 1)
        taken: int | None = db.session.scalar(one_more.returning(cls.value))
        if taken is None:
            db.session.add(cls(name=name, value=1))
            db.session.flush()
            return 1
        return taken
