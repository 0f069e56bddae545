"""Running one claimed ticket, from the session to the finish.

The drain and `run_pending` both call this. Effects and `done` are committed together: the fenced UPDATE of
the finish is the last statement of the work's own transaction; no row, no commit. How the transaction is
opened and closed is the business of `Transactions`: the host's session for a drain, a savepoint for a test.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from . import claim, guard, hooks, lanes, settle
from .claimed import Claimed
from .collector import open_collected
from .database import READ_COMMITTED
from .declaration import Declaration
from .finish import finish, finish_and_ride
from .kinds import PLAIN
from .lease import DrainLease
from .options import current_ticket
from .registry import Registry, UnknownViewModel
from .running_ticket import RunningTicket, Witness, receipt_of
from .saving import connection_of
from .signals import LostFence
from .verdict import is_away, verdict
from .work import perform, resolve

FIRST_PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 45
"""The longest pause between two tries at a database that is away: some two minutes in all."""

T = TypeVar("T")


class Transactions(Protocol):
    """Where the work's transaction comes from and how it ends."""

    engine: Engine

    def session(self) -> AbstractContextManager[Session]:
        """The session for one ticket; removed after it."""

    def own(self) -> AbstractContextManager[Connection]:
        """A connection of the worker's own, in a transaction that commits at the block's end."""

    def commit(self, session: Session) -> None:
        """Commit the work's transaction."""

    def rollback(self, session: Session) -> None:
        """Roll the work's transaction back; the session can be used again."""

    def is_current(self, session: Session) -> bool:
        """Whether the host still hands out this very session (the work may have swapped it)."""


@dataclass(frozen=True)
class Outcome:
    """How it ended: the verb, or `lost` when the fence was; and what rode along as the next claim."""

    verb: str
    next: Claimed | None = None


Ride = Callable[[], DrainLease | None]
"""Under which lease the next ticket may be claimed in the finishing transaction; None: it may not be."""


@contextmanager
def as_current(ticket: RunningTicket) -> Iterator[None]:
    """Until the block ends, what is opened inherits from this ticket."""
    running = current_ticket.set(ticket)
    try:
        yield
    finally:
        current_ticket.reset(running)


class Runner:
    """Runs claimed tickets, one at a time, for a drain or a test."""

    def __init__(
        self,
        transactions: Transactions,
        registry: Registry,
        witness: Witness,
        worker: str | None = None,
        app_version: str | None = None,
        pause: Callable[[float], None] = time.sleep,
        on_error: hooks.OnError | None = None,
    ) -> None:
        self.on_error = on_error
        self.pause = pause
        self.transactions = transactions
        self.registry = registry
        self.witness = witness
        self.worker = worker
        self.app_version = app_version

    def run(self, claimed: Claimed, ride: Ride | None = None) -> Outcome:
        """Run one claimed ticket and settle it. Raises only what the database raises when it is away.

        `ride` is asked just before the finish; the next ticket is claimed with it where that cannot fail.
        """
        if claimed.past_deadline:
            held = self._own(lambda c: settle.expire_claimed(c, claimed.id, claimed.fence))
            return Outcome("expire" if held else "lost")
        try:
            declaration = self.registry.find(claimed.view_model)
        except UnknownViewModel:
            held = self._own(lambda c: settle.give_back(c, claimed.id, claimed.fence, aside="unknown"))
            return Outcome("give back" if held else "lost")
        try:
            return self._work(claimed, declaration, ride)
        except LostFence:
            return Outcome("lost")
        except BaseException as error:
            return Outcome(self._settle(claimed, declaration, error))

    def _work(self, claimed: Claimed, declaration: Declaration, ride: Ride | None) -> Outcome:
        with self.transactions.session() as session:
            try:
                return self._in_session(session, claimed, declaration, ride)
            except BaseException:
                self.transactions.rollback(session)
                raise

    def _in_session(
        self, session: Session, claimed: Claimed, declaration: Declaration, ride: Ride | None
    ) -> Outcome:
        ticket = RunningTicket(claimed, self.witness)
        with as_current(ticket):
            receipt = self.carry_out(session, claimed, declaration, ticket)
            return self._finish(session, claimed, receipt, ride)

    def carry_out(
        self, session: Session, claimed: Claimed, declaration: Declaration, ticket: RunningTicket
    ) -> Any:
        """Do the work in the session's transaction and flush it; the receipt. Raises what the work raises."""
        job = resolve(claimed, declaration, session, self.registry)
        self.witness.stage(claimed, "running", declaration.timeout_seconds)
        ticket.ends_within(declaration.timeout_seconds)
        if not declaration.transactional:
            receipt = receipt_of(perform(job, ticket))
            open_collected(session)
            session.flush()
            return receipt
        with guard.armed(session, self.transactions.engine) as watch:
            receipt = receipt_of(perform(job, ticket))
            open_collected(session)
            if not self.transactions.is_current(session):
                raise watch.refuse("swapped its session")
            session.flush()
        if watch.violation is not None:
            raise watch.violation
        return receipt

    def _finish(self, session: Session, claimed: Claimed, receipt: Any, ride: Ride | None) -> Outcome:
        self.witness.stage(claimed, "finishing", 0)
        connection = connection_of(session)
        drain = ride() if ride is not None else None
        if drain is not None and claimed.lane is None:
            finished = finish_and_ride(connection, claimed, receipt, drain)
        else:
            finished = finish(connection, claimed, receipt)
        if finished is None:
            raise LostFence
        following, elect_after = finished.next, claimed.lane
        if claimed.lane is not None and finished.isolation in READ_COMMITTED:
            lanes.elect(connection, [claimed.lane])
            elect_after = None
            following = None if drain is None else claim.ride(connection, drain)
        self.commit(session, claimed)
        if elect_after is not None:
            lane = elect_after
            self._own(lambda own: lanes.elect(own, [lane]))
        return Outcome("finish", following)

    def commit(self, session: Session, claimed: Claimed) -> None:
        """Commit what has set this ticket done; a reply that was lost is found out by its fence."""
        try:
            self.transactions.commit(session)
        except DBAPIError as error:
            if not is_away(error) or not self._was_finished(claimed):
                raise

    def run_again(self, claimed: Claimed, ride: Ride | None = None) -> Outcome:
        """Run a ticket whose group was rolled back, under the same fence; lost, when somebody replaced it."""
        if self._own(lambda c: settle.fence_of(c, claimed.id)) != ("running", claimed.fence):
            return Outcome("lost")
        return self.run(claimed, ride)

    def _was_finished(self, claimed: Claimed) -> bool:
        """The commit's reply was lost: the row and its fence tell whether it happened."""
        return self._own(lambda c: settle.fence_of(c, claimed.id)) == ("done", claimed.fence)

    def _own(self, act: Callable[[Connection], T]) -> T:
        """Do something in a transaction of our own, again and again while the database is away.

        What is asked for names a fence, so that doing it twice does it once.
        """
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                with self.transactions.own() as connection:
                    return act(connection)
            except DBAPIError as error:
                if not is_away(error) or pause > PATIENCE_SECONDS:
                    raise
            self.pause(pause)
            pause *= 1.5

    def _settle(self, claimed: Claimed, declaration: Declaration, error: BaseException) -> str:
        """The work ended otherwise than by returning; its transaction is rolled back already."""
        self.witness.stage(claimed, "finishing", 0)

        def settled(connection: Connection) -> str | None:
            if settle.fence_of(connection, claimed.id) != ("running", claimed.fence):
                return None
            by = {"worker": self.worker, "app_version": self.app_version}
            return verdict(connection, claimed, declaration, error, self.registry, **by)

        verb = self._own(settled) or "lost"
        if verb in hooks.FAILED and (self.on_error is not None or claimed.kind != PLAIN):
            hooks.after_failure(self, claimed, error, verb)
        return verb
