"""The work's transaction when a drain runs it: the host's session, and the worker's own connection."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session


class HostTransactions:
    """`Transactions` over a host: `scope` opens its session for one ticket and removes it after.

    `engine` is the worker's own, on the tickets' database, READ COMMITTED. `current` returns the session the
    host hands out now, None where it has no such notion.
    """

    def __init__(
        self,
        engine: Engine,
        scope: Callable[[], AbstractContextManager[Session]],
        current: Callable[[], Session | None] = lambda: None,
    ) -> None:
        self.engine = engine
        self._scope = scope
        self._current = current

    def session(self) -> AbstractContextManager[Session]:
        """The host's session."""
        return self._scope()

    @contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection of the worker's own, in a transaction."""
        with self.engine.begin() as connection:
            yield connection

    def commit(self, session: Session) -> None:
        """Commit the host's session."""
        session.commit()

    def rollback(self, session: Session) -> None:
        """Roll the host's session back; a connection that is gone has rolled back by itself."""
        try:
            session.rollback()
        except Exception:
            session.invalidate()

    def is_current(self, session: Session) -> bool:
        """Whether the host still hands out this session."""
        return self._current() in (None, session)
