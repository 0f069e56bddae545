"""Hooks around a ticket's work: those of its kind, and the application's error reporter.

`before_run` and `after_done` belong to the work's transaction (`work`); what stands here comes after a
failure, when that is rolled back and the ticket has settled. It is called once for each failure: by the
process of the work, or, where that was killed, by the next drain of the queue (`untold`). Whatever a hook
does, the ticket stays as it has settled.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect

from .claimed import Claimed
from .kinds import PLAIN
from .running_ticket import RunningTicket
from .ticket import Ticket
from .work import PreconditionRaised

if TYPE_CHECKING:
    from .running import Runner

FAILED = frozenset(("back off", "error", "fail"))
PATIENCE_SECONDS = 30.0
"""As long may the hooks of one failure take before their process is ended."""

OnError = Callable[[BaseException, RunningTicket, str], Any]
"""Called with the exception, the ticket, and how it settled: back off (it is tried again), error, fail."""

_log = logging.getLogger("counterfoil.hooks")


Told = Callable[[Connection], object]


def after_failure(
    runner: "Runner", claimed: Claimed, error: BaseException, verb: str, told: Told | None = None
) -> None:
    """Tell the reporter, then the ticket's kind; never raises. `told`: done in the kind's transaction."""
    if isinstance(error, PreconditionRaised) and error.__cause__ is not None:
        error = error.__cause__
    runner.witness.stage(claimed, "telling", PATIENCE_SECONDS)
    if runner.on_error is not None:
        try:
            runner.on_error(error, RunningTicket(claimed, runner.witness), verb)
        except BaseException as failed:
            _tell("on_error", claimed, failed)
    if claimed.kind != PLAIN:
        try:
            _of_its_kind(runner, claimed, error, told)
        except BaseException as failed:
            _tell("handle_perform_error", claimed, failed)
    runner.witness.stage(claimed, "finishing", 0)


def _of_its_kind(runner: "Runner", claimed: Claimed, error: BaseException, told: Told | None) -> None:
    with runner.transactions.session() as session:
        try:
            ticket = session.get(Ticket, claimed.id)
            if ticket is not None:
                ticket.handle_perform_error(error)
                session.flush()
            if told is not None:
                told(session.connection(bind_arguments={"mapper": inspect(Ticket)}))
            runner.transactions.commit(session)
        except BaseException:
            runner.transactions.rollback(session)
            raise


def _tell(hook: str, claimed: Claimed, failed: BaseException) -> None:
    # The context of an encrypted ticket's failure may hold what must stand in no log.
    trace = None if claimed.encryptor is not None else failed
    _log.error("%s of ticket %s raised %s", hook, claimed.id, type(failed).__name__, exc_info=trace)
