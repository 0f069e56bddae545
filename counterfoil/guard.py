"""While a ticket runs, commit belongs to the drain.

Effects and `done` are committed together or not at all; work that commits by itself, closes or swaps the
session, or writes through a second connection would break that. Each is refused at its line, and remembered:
swallowing the refusal does not help.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import URL, Connection, Engine, event, inspect
from sqlalchemy.orm import Session, SessionTransaction

from .database import same_database
from .errors import calling_line
from .signals import WorkMustNotCommit
from .ticket import Ticket

_armed: ContextVar["Guard | None"] = ContextVar("counterfoil_guard", default=None)


class Guard:
    """Watches one session for the time of one ticket; `violation` keeps the first refusal."""

    def __init__(self, session: Session, bind: Engine) -> None:
        self.session = session
        self.bind = bind
        self.violation: WorkMustNotCommit | None = None

    def is_tickets(self, url: URL) -> bool:
        """Whether an address is that of the tickets: the worker's, or the session's, which the worker's start
        has found to be the same database (one of them may go through a pooler)."""
        if same_database(url, self.bind.url):
            return True
        return same_database(url, self.session.get_bind(mapper=inspect(Ticket)).engine.url)

    def refuse(self, what: str) -> WorkMustNotCommit:
        """The error to raise at the line that called us."""
        error = WorkMustNotCommit(
            f"the work {what} at {calling_line()}: while a ticket runs, commit belongs to the drain, so that "
            "the effects and `done` are committed together. Leave it to the drain, or declare the view model "
            "transactional=False (at least once)."
        )
        self.violation = self.violation or error
        return error


def watching() -> Guard | None:
    """The guard of the ticket that runs in this context; None when commit is nobody's business."""
    return _armed.get()


@contextmanager
def armed(session: Session, bind: Engine) -> Iterator[Guard]:
    """Guard `session`, whose tickets live on `bind`, until the block ends."""
    guard = Guard(session, bind)

    def no_close(*args: Any, **kw: Any) -> None:
        raise guard.refuse("closed or removed its session")

    token = _armed.set(guard)
    # Shadowing the bound methods catches Session.close, scoped_session.remove and the session's own exit.
    shadowed = session.__dict__
    for name in ("close", "reset", "invalidate"):
        shadowed[name] = no_close
    try:
        yield guard
    finally:
        for name in ("close", "reset", "invalidate"):
            shadowed.pop(name, None)
        _armed.reset(token)


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    guard = _armed.get()
    if guard is None or session.in_nested_transaction():
        return
    # Another session is caught by its engine, when it writes to the tickets' database.
    if session is guard.session:
        raise guard.refuse("committed its session")


@event.listens_for(Session, "after_begin")
def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    guard = _armed.get()
    if guard is None or session is not guard.session:
        return
    if not guard.is_tickets(connection.engine.url):
        raise guard.refuse(f"spans a second database ({connection.engine.url!r})")


@event.listens_for(Engine, "commit")
def _engine_commit(connection: Connection) -> None:
    guard = _armed.get()
    if guard is not None and guard.is_tickets(connection.engine.url):
        raise guard.refuse("committed through a connection")
