"""From a claimed ticket's text to the call: view model, root, params, precondition, actions.

Nothing here commits, and nothing of the ticket is imported: names are keys of the registry.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from . import elements, roots, sealed_params
from . import params as stored_params
from .claimed import Claimed
from .concealing import Conceal, concealed, concealer
from .declaration import Declaration, ParamsDoNotFit, RegistryError
from .encryptors import CannotDecrypt
from .kinds import PLAIN
from .registry import Registry
from .running_ticket import RunningTicket
from .signals import Postpone
from .signatures import enums_of
from .tables import Element
from .ticket import Ticket


class CannotResolve(Exception):
    """The ticket names something that is not there or does not fit; error kind resolve, never retried."""


class PreconditionRaised(Exception):
    """The precondition itself raised; the cause is the exception."""


NOT_MET = "precondition not met"


@dataclass(frozen=True)
class Job:
    """What a claimed ticket stands for in this process."""

    declaration: Declaration
    subject: Any  # the root, or a processor's elements
    params: dict[str, Any]
    conceal: Conceal | None = None  # of encrypted params
    own: Ticket | None = None  # of a kind with own columns and hooks


def resolve(claimed: Claimed, declaration: Declaration, session: Session, registry: Registry) -> Job:
    """Load root or elements, read the params; runs no user code. Raises CannotResolve, naming the thing."""
    try:
        conceal = None
        if claimed.encryptor is None:
            given = stored_params.decode(claimed.params, enums_of(declaration))
        else:
            given = sealed_params.values(claimed, registry, enums_of(declaration))
            conceal = concealer(given)
        declaration.check(given)
        subject = _subject(claimed, declaration, session, registry)
    except (stored_params.ParamsCannotBeRead, ParamsDoNotFit, roots.RootError) as error:
        raise CannotResolve(str(error)) from error
    except (CannotDecrypt, RegistryError) as error:
        raise CannotResolve(f"params of {claimed.view_model}: {error}") from error
    return Job(declaration, subject, given, conceal, _own(claimed, session))


def _own(claimed: Claimed, session: Session) -> Ticket | None:
    """The ticket as an object of its kind, None for a plain one."""
    if claimed.kind == PLAIN:
        return None
    ticket = session.get(Ticket, claimed.id)
    if ticket is None or type(ticket) is Ticket:
        raise CannotResolve(
            f"ticket {claimed.id} is of the kind {claimed.kind!r}, of which this worker has no class: import "
            "its module where the application is made"
        )
    return ticket


def _subject(claimed: Claimed, declaration: Declaration, session: Session, registry: Registry) -> Any:
    if declaration.sort == "processor":
        connection = session.connection(bind_arguments={"mapper": inspect(Element)})
        return elements.load(session, elements.names_of(connection, claimed.id), registry)
    if declaration.sort not in ("actions", "method"):
        return None
    if claimed.root_id is None:
        expected = declaration.root_class.__name__ if declaration.root_class else "a root"
        raise CannotResolve(f"{declaration.name} is about {expected}, but the ticket has no root_id")
    return roots.load(session, claimed.root_id, declaration.root_class, registry)


def perform(job: Job, ticket: RunningTicket) -> Any:
    """Precondition, then the callables top to bottom; returns the receipt's value.

    A false precondition runs nothing: the receipt says so, or the ticket is postponed if the view model asks.
    """
    declaration = job.declaration
    if job.conceal is not None:
        ticket.conceal = job.conceal
    if declaration.precondition is not None and not _met(job):
        if declaration.on_unmet == "postpone":
            raise Postpone(reason=NOT_MET)
        return NOT_MET
    if job.own is not None:
        job.own.before_run()
    receipt = None
    for call in declaration.callables:
        given = dict(job.params)
        if declaration.wants_ticket(call):
            given["ticket"] = ticket
        leading = (job.subject,) if declaration.leading else ()
        returned = call(*leading, **given)
        receipt = receipt if returned is None else returned
    if job.own is not None:
        job.own.after_done(receipt)
    return receipt if job.conceal is None else concealed(receipt, job.conceal)


def _met(job: Job) -> bool:
    assert job.declaration.precondition is not None
    try:
        return bool(job.declaration.precondition(job.subject))
    except Exception as error:
        raise PreconditionRaised from error
