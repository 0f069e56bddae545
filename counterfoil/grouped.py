"""Grouped commit: tickets that run one after the other in one transaction, which one fenced UPDATE ends.

For short work without effects outside its transaction (`commit="group"`). Each ticket has its own fence,
objects and timeout; what one of them raises, a lost fence among them, rolls all back, and each is then run by
itself under the same fence: its attempt was charged once, by its claim. It cannot bound one ticket's time.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from . import claim
from .claimed import Claimed
from .database import READ_COMMITTED
from .finish import finish_together
from .gathering import SECONDS
from .running import Ride, Runner, as_current
from .running_ticket import RunningTicket
from .saving import connection_of
from .signals import LostFence

log = logging.getLogger("counterfoil.worker")

SAVEPOINT = "counterfoil_group"


@dataclass
class Ended:
    """How a group ended.

    `begun` says which of its tickets ran; `kept`: those are done. If not, nothing of them is kept and each is
    to be run again, by itself. `next` rode along as the next claim.
    """

    tickets: Sequence[Claimed]
    begun: list[RunningTicket] = field(default_factory=list)
    kept: bool = False
    next: Claimed | None = None

    @property
    def ran(self) -> Sequence[Claimed]:
        """Those that ran, in their order."""
        return self.tickets[: len(self.begun)]

    @property
    def rest(self) -> Sequence[Claimed]:
        """Those that did not begin: to be given back."""
        return self.tickets[len(self.begun) :]


def run_together(
    runner: Runner,
    tickets: Sequence[Claimed],
    ride: Ride | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run claimed tickets of grouped view models in one transaction.

    `enough` is asked between two tickets: then, and when the group's time is up, those that ran are finished
    and the others are the `rest`. Never raises for what the work or the database raised.
    """
    ended = Ended(tickets)
    try:
        with runner.transactions.session() as session:
            try:
                _in_session(runner, session, ended, ride, enough)
            except BaseException:
                runner.transactions.rollback(session)
                raise
    except BaseException as error:
        if not ended.kept:
            _tell(ended, error)
    return ended


def _in_session(
    runner: Runner, session: Session, ended: Ended, ride: Ride | None, enough: Callable[[], bool]
) -> None:
    receipts: list[Any] = []
    connection = connection_of(session)
    # Work may roll its transaction back, in whatever way: then this savepoint is gone, and it shows.
    connection.exec_driver_sql(f"SAVEPOINT {SAVEPOINT}")
    until = time.monotonic() + SECONDS[connection.dialect.name]
    for claimed in ended.tickets:
        if ended.begun and (time.monotonic() >= until or enough()):
            break
        runner.witness.stage(claimed, "claimed", 0)
        ticket = RunningTicket(claimed, runner.witness)
        ended.begun.append(ticket)
        with as_current(ticket):
            declaration = runner.registry.find(claimed.view_model)
            receipts.append(runner.carry_out(session, claimed, declaration, ticket))
        if session.identity_map:
            session.expunge_all()  # the next one loads what it needs anew, as in a session of its own
    last = ended.ran[-1]
    runner.witness.stage(last, "finishing", 0)
    drain = None if ride is None or ended.rest else ride()
    connection.exec_driver_sql(f"RELEASE SAVEPOINT {SAVEPOINT}")
    finished = finish_together(connection, ended.ran, receipts)
    if finished is None:
        raise LostFence
    following = None
    if drain is not None and finished.isolation in READ_COMMITTED:
        following = claim.ride(connection, drain)
    runner.commit(session, last)
    ended.kept, ended.next = True, following


def _tell(ended: Ended, error: BaseException) -> None:
    name = type(error).__name__
    log.debug("a group of %d is rolled back (%s): they run one by one", len(ended.begun), name)
    for ticket in ended.begun:
        if ticket.has_told:
            ticket.log(f"rolled back with its group ({name} in one of them): it runs again, by itself")
