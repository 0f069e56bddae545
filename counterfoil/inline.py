"""Running due tickets inside a test's own session and transaction, by the code that a drain uses.

Each ticket runs in a savepoint of its own: what fails is rolled back as in a worker, and the test's outer
transaction takes everything along when it is rolled back. What a test cannot show this way: separate
processes, hard timeouts, isolation between connections.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, inspect, select
from sqlalchemy.orm import Session, SessionTransaction

from . import aside, batches, candidates, catalogue, claim, guard
from .claimed import Claimed
from .collector import open_collected
from .lease import DrainLease
from .registry import Registry, registry
from .running import Runner
from .running_ticket import Silent
from .saving import connection_of
from .tables import Attempt, Traceback
from .ticket import Ticket

LIMIT = 10_000

log = logging.getLogger("counterfoil.testing")


@dataclass(frozen=True)
class Ran:
    """A ticket that ran: the verb that ended it (finish, back off, error, ...) and the error, if any."""

    ticket_id: int
    view_model: str
    root_id: str | None
    verb: str
    error: str | None = None


class InlineTransactions:
    """`Transactions` over one session: the work's transaction is a savepoint."""

    def __init__(self, session: Session) -> None:
        self.of_test = session
        self.engine = session.get_bind(inspect(Ticket)).engine
        self._savepoint: SessionTransaction | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The test's session, in a savepoint; its commit and rollback mean the savepoint while work runs."""
        session = self.of_test
        session.flush()
        session.expire_all()  # the work sees what a worker would load
        self._savepoint = session.begin_nested()
        real_commit = session.commit

        def commit() -> None:
            watch = guard.watching()
            if watch is not None:
                raise watch.refuse("committed its session")
            real_commit()

        def rollback() -> None:
            self.rollback(session)
            self._savepoint = session.begin_nested()

        vars(session).update(commit=commit, rollback=rollback)
        try:
            yield session
        finally:
            for name in ("commit", "rollback"):
                vars(session).pop(name, None)

    @contextmanager
    def own(self) -> Iterator[Connection]:
        """The test's connection, in a savepoint of its own."""
        with self.of_test.begin_nested():
            yield connection_of(self.of_test)

    def commit(self, session: Session) -> None:
        """Release the savepoint."""
        if self._savepoint is not None and self._savepoint.is_active:
            self._savepoint.commit()

    def rollback(self, session: Session) -> None:
        """Roll the savepoint back."""
        if self._savepoint is not None and self._savepoint.is_active:
            self._savepoint.rollback()

    def is_current(self, session: Session) -> bool:
        """A test has one session."""
        return True


def run_pending(session: Session, known: Registry = registry) -> list[Ran]:
    """Run everything that is due, follow-ups too, until nothing is; returns what ran, in order.

    Nothing is committed outside the session's transaction. What backed off or is delayed is not due.
    Raises RuntimeError when tickets keep opening tickets without end.
    """
    open_collected(session)
    session.flush()
    connection = connection_of(session)
    catalogue.write(connection, known)
    while aside.set_back(connection):
        pass
    runner = Runner(InlineTransactions(session), known, Silent(), worker="test", pause=lambda seconds: None)
    ran: list[Ran] = []
    for claimed in _claims(connection):
        ran.append(_ran(session, claimed, runner.run(claimed).verb))
        if len(ran) >= LIMIT:
            raise RuntimeError(f"{LIMIT} tickets ran and more are due: do they open each other?")
    for each in session.identity_map.values():
        if isinstance(each, Ticket):
            session.expire(each)
    return ran


def _claims(connection: Connection) -> Iterator[Claimed]:
    closed = True
    while closed:
        while queues := candidates.due_queues(connection):
            for queue in queues:
                drain = DrainLease(uuid4().hex, queue, 0)
                while claimed := claim.claim_within(connection, drain):
                    yield claimed
        closed = bool(batches.close_complete(connection, chunk=LIMIT)[0])  # may open follow-ups


def _ran(session: Session, claimed: Claimed, verb: str) -> Ran:
    ended = Ran(claimed.id, claimed.view_model, claimed.root_id, verb)
    if verb == "finish":
        return ended
    columns = Ticket.__table__.c
    row: Any = (
        connection_of(session)
        .execute(
            select(columns.error, columns.postponed_reason, Traceback.text)
            .outerjoin_from(
                Ticket, Attempt, (Attempt.ticket_id == columns.id) & (Attempt.claim == claimed.claims)
            )
            .outerjoin(Traceback, Traceback.id == Attempt.traceback_id)
            .where(columns.id == claimed.id)
        )
        .first()
    )
    error = row and (row.error or row.postponed_reason)
    about = f" on {claimed.root_id}" if claimed.root_id else ""
    told = (row and row.text) or error
    log.warning("ticket %s (%s%s): %s\n%s", claimed.id, claimed.view_model, about, verb, told)
    return Ran(claimed.id, claimed.view_model, claimed.root_id, verb, error)
