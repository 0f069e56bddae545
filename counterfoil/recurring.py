"""How a developer declares a recurring ticket.

    schedule("nightly-invoices", cron="0 3 * * *", zone="Europe/Berlin", view_model="Invoices.print")
    schedule("dunning", cron="0 8 * * 1", zone="Europe/Berlin", view_model=Customer.remind, each=overdue)

At each fire the scheduler plants one ordinary ticket. With `each` - a SELECT, or a callable that is given
the session - that ticket runs the query on a worker and opens one ticket per result (the event tree's timer
plus information): an object is a root, a dict is params. The scheduler itself runs no code of the
application: a slow query there would hold up every other duty.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from . import cron as cron_lines
from . import guard
from .declaration import Declaration, ParamsDoNotFit, RegistryError
from .declare import name_of
from .params import ParamsCannotBeStored, encode
from .queue_names import QUEUE_NAME
from .registry import Registry, registry
from .ticket import Ticket

CATCH_UP = ("one", "all", "none")
NAME_LENGTH = 100
CHUNK = 500

Each = Select[Any] | Callable[[Session], Iterable[Any] | Select[Any]]


@dataclass(frozen=True)
class Schedule:
    """A declared schedule. `view_model`: what is planted; `opens`: what a query's results are opened for.

    `params`, as they are stored, are the planted ticket's, or of each result's one. `catch_up`: what is
    planted of the fires that an outage has missed.
    """

    name: str
    cron: str
    zone: str
    view_model: str
    params: dict[str, Any]
    catch_up: str
    opens: str | None = None


def schedule(
    name: str,
    *,
    cron: str,
    view_model: Any,
    zone: str = "UTC",
    params: dict[str, Any] | None = None,
    catch_up: str = "one",
    each: Each | None = None,
    known: Registry = registry,
) -> Schedule:
    """Declare a recurring ticket; workers write it to the tables when they start.

    `zone`: an IANA name. `catch_up`, for fires that nobody planted in time: "one" ticket for all of them,
    "all" of them, or "none". Raises RegistryError: a name that is taken, a bad cron line or zone, a view
    model that does not fit. One that is named by text may be declared later: `check` looks again when a
    worker starts.
    """
    told = f"schedule {name!r}"
    if len(name) > NAME_LENGTH or not QUEUE_NAME.fullmatch(name) or "/" in name:
        raise RegistryError(f"{told}: a name is 1 to {NAME_LENGTH} letters, digits and _.:@+- only")
    if catch_up not in CATCH_UP:
        raise RegistryError(f"{told}: catch_up must be 'one', 'all' or 'none', not {catch_up!r}")
    try:
        cron_lines.check(cron, zone)
        stored = encode(params or {})
    except (cron_lines.WrongCron, ParamsCannotBeStored) as error:
        raise RegistryError(f"{told}: {error}") from None
    opens = name_of(view_model)
    if each is None:
        made = Schedule(name, cron, zone, opens, stored, catch_up)
    else:
        made = Schedule(name, cron, zone, f"schedule.{name}", stored, catch_up, opens)
    if known.schedules.get(name, made) != made:
        raise RegistryError(f"{told} is declared twice, and differently: give one of them another name")
    if opens in known.view_models:
        _fits(made, known)
    if each is not None:
        call = _query(each, opens, dict(params or {}))
        doc = f"Opens {opens} for each result of the query of the schedule {name}."
        known.add(Declaration(made.view_model, "target", (call,), doc=doc))
    known.add_schedule(made)
    return made


def check(known: Registry) -> None:
    """Raises RegistryError for a schedule whose view model was never declared, or does not fit."""
    for name, made in known.schedules.items():
        opens = made.opens or made.view_model
        if opens not in known.view_models:
            raise RegistryError(
                f"schedule {name!r}: no view model {opens!r} is registered: declare it in a module that the "
                "application imports at start, or mend the name"
            )
        _fits(made, known)


def _fits(made: Schedule, known: Registry) -> None:
    told, declaration = f"schedule {made.name!r}", known.find(made.opens or made.view_model)
    if made.opens is not None and declaration.sort == "processor":
        raise RegistryError(
            f"{told}: {declaration.name} takes elements, but each= opens one ticket per result: plant a "
            "target that collects them"
        )
    if made.opens is None and declaration.sort != "target":
        about = "elements" if declaration.sort == "processor" else "one root"
        raise RegistryError(
            f"{told}: {declaration.name} is about {about}: give each=, a query of its roots, or plant a "
            "@target"
        )
    if made.opens is None and made.params and declaration.encrypted:
        raise RegistryError(
            f"{told}: the params of {declaration.name} are encrypted, which the scheduler cannot do: give "
            "them as a result of a query, each=lambda session: [{...}], which a worker runs"
        )
    if made.opens is not None and declaration.sort == "target":
        return  # the results bring params of their own
    try:
        declaration.check(made.params)
    except ParamsDoNotFit as error:
        raise RegistryError(f"{told}: {error}") from None


def _query(each: Each, opens: str, params: dict[str, Any]) -> Callable[[], str]:
    def open_each() -> str:
        watch = guard.watching()
        assert watch is not None, "a target is transactional unless it says otherwise"
        session = watch.session
        found = each if isinstance(each, Select) else each(session)
        if isinstance(found, Select):
            found = session.scalars(found.execution_options(yield_per=CHUNK))
        results, opened, waiting = iter(found), 0, 0
        while chunk := list(islice(results, CHUNK)):
            tickets = [_ticket(opens, result, params) for result in chunk]
            session.add_all(tickets)
            session.flush()
            waiting += sum(ticket.waiting_id is not None for ticket in tickets)
            opened += len(tickets)
        waits = f", {waiting} waited already" if waiting else ""
        return f"{opened - waiting} opened{waits}"

    return open_each


def _ticket(opens: str, result: Any, params: dict[str, Any]) -> Ticket:
    if isinstance(result, dict):
        return Ticket(view_model=opens, params=params | result, guard=True)
    return Ticket(view_model=opens, root=result, params=params, guard=True)
