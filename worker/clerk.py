"""Everything that a worker's parent does in the database, in one thread of its own.

The parent's main thread has a horse to watch and deadlines to keep; a database that hangs must not hold it
up. So it asks the clerk and looks at the answer later. PostgreSQL: one connection, kept. SQLite: a connection
for each question, closed with its answer, and none is open while the parent forks (`still`): no SQLite
connection may cross a fork.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool, QueuePool

from counterfoil.database import make_engine

from .errands import PATIENCE_SECONDS, Errands

T = TypeVar("T")

LIMIT_SECONDS = 2.0


def clerk_engine(url: str) -> Engine:
    """The clerk's own engine: one connection, short patience."""
    if url.startswith("sqlite"):
        return make_engine(url, poolclass=NullPool)
    return make_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=1,
        connect_args={
            "connect_timeout": 2,
            "tcp_user_timeout": 5000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    )


class Clerk(Errands):
    """Answers questions to the database in the order in which they were asked."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        super().__init__("clerk")

    def ask(self, call: Callable[[Connection], T]) -> "Future[T]":
        """Have `call` run in a transaction of its own, committed after it."""
        return self.send(lambda: self._answer(call))

    def wait(self, call: Callable[[Connection], T], seconds: float = PATIENCE_SECONDS) -> T:
        """Ask, and wait for the answer.

        Raises:
            TimeoutError: there is none yet; it may still be done.
            Exception: whatever the call raised.
        """
        return self.ask(call).result(timeout=seconds)

    def close(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """End the thread and the connection."""
        if ended := super().close(seconds):
            self.engine.dispose()
        return ended

    def _answer(self, call: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection, connection.begin():
            bound(connection, LIMIT_SECONDS)
            return call(connection)


def bound(connection: Connection, seconds: float) -> None:
    """Bound how long each statement of this transaction takes, and waits for locks."""
    milliseconds = int(seconds * 1000)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
