"""The options of opening a ticket, checked at the caller's line and turned into columns.

Every error names the option and the cure. What is left out stays null: the insert trigger decides it from the
view model's record.
"""

import inspect
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from .clock import later
from .columns import EVIDENCE, within_calendar
from .declaration import TICKET, Declaration
from .declare import name_of
from .elements import priority_by_size
from .params import ParamsCannotBeStored, encode, enums_in
from .priority import priority_number
from .queue_names import told_wrong
from .registry import Registry, registry
from .roots import class_name_of, class_named, state_of
from .sealed_params import seal
from .signatures import enums_of
from .tables import Batch

current_ticket: ContextVar[Any | None] = ContextVar("counterfoil_current_ticket", default=None)
"""The ticket that runs in this context; its id, priority, batch and opener are inherited."""

MINUTES_LIMIT = 100 * 366 * 24 * 60


class WrongOption(ValueError):
    """An option of opening a ticket with a value that makes no sense; the text has the cure."""


def columns_of(
    *,
    root: Any = None,
    view_model: Any,
    params: dict[str, Any] | None = None,
    execute_earliest: datetime | timedelta | None = None,
    keep_receipt_minutes: int | None = None,
    keep: bool = False,
    queue: str | None = None,
    priority: str | int | None = None,
    lane: str | None = None,
    expires_at: datetime | timedelta | None = None,
    staged: bool = False,
    idempotence_token: str | None = None,
    opened_by: str | None = None,
    in_charge: str | None = None,
    max_attempts: int | None = None,
    elements: Sequence[Any] = (),
    batch: Any = None,
    guard: Any = False,
    encrypted: bool | str | None = None,
    known: Registry = registry,
) -> dict[str, Any]:
    """The columns of a ticket with these options, without those that the database decides.

    Raises WrongOption, NaiveTime, UnknownPriority, ParamsCannotBeStored, ParamsDoNotFit, RegistryError,
    KeyMissing (encrypted without a key).
    """
    if view_model is None:
        raise WrongOption("a ticket needs view_model=: a ViewModel, a method, a target, or its name")
    name = checked_text("view_model", name_of(view_model), 200) or ""
    if root is not None:
        state_of(root)
    given = dict(params) if isinstance(params, dict) else params or {}
    declaration = known.view_models.get(name)
    encryptor = _encryptor(encrypted, declaration)
    stored = _encode(given, secret=bool(encryptor))
    if declaration is not None:
        _fits(declaration, root, given)
    if elements and declaration is not None:
        _takes(declaration, elements, known)
    _can_start(execute_earliest, expires_at)
    if guard and (idempotence_token is not None or staged or (elements and guard is True)):
        raise WrongOption(
            "guard= goes with neither idempotence_token= nor staged=, and with elements= only as a key"
        )
    sealed = seal(stored, name, encryptor, known) if encryptor and stored else {}
    if sealed and guard and not isinstance(getattr(guard, "key", guard), str):
        raise WrongOption("guard= with encrypted params needs a key: sealed params are never equal")
    running = current_ticket.get()
    if priority is None:
        priority = _inherited_priority(running, declaration, len(elements))
    made = {
        "view_model": name,
        "params": stored or None,
        "execute_earliest": _time("execute_earliest", execute_earliest),
        "expires_at": _time("expires_at", expires_at),
        "keep_receipt_minutes": _whole("keep_receipt_minutes", keep_receipt_minutes, 0, MINUTES_LIMIT),
        "kept": EVIDENCE if keep else None,
        "queue": _queue(queue),
        "priority": None if priority is None else priority_number(priority),
        "lane": _lane(lane),
        "state": "held" if staged else None,
        "idempotence_token": checked_text("idempotence_token", idempotence_token, 200),
        "opened_by": checked_text("opened_by", opened_by, 200) or (running and running.opened_by),
        "in_charge": checked_text("in_charge", in_charge, 200),
        "max_attempts": _whole("max_attempts", max_attempts, 1, 1000),
        "parent_id": running.id if running is not None else None,
        "batch_id": _batch(batch, running),
        **sealed,
    }
    return {column: value for column, value in made.items() if value is not None}


OPENING = frozenset(inspect.signature(columns_of).parameters) - {"known"}
"""The names of the options."""


def _encryptor(given: bool | str | None, declaration: Declaration | None) -> bool | str:
    """The encryptor that is wanted: the ticket's own, else the view model's; False is none."""
    declared = declaration.encrypted if declaration is not None else False
    if given is None:
        return declared
    if not isinstance(given, bool | str) or given == "":
        raise WrongOption(f"encrypted must be True, or an encryptor's name, not {given!r}")
    if given is False and declared:
        raise WrongOption(f"{declaration and declaration.name} is declared encrypted: no ticket of it is not")
    return declared if given is True and declared else given


def _encode(given: dict[str, Any], secret: bool) -> dict[str, Any]:
    try:
        return encode(given)
    except ParamsCannotBeStored as error:
        if not secret or error.without_value is None:
            raise
        told = error.without_value
    raise ParamsCannotBeStored(told)  # outside the handler: no context with the value in its text


def _inherited_priority(running: Any, declaration: Declaration | None, elements: int) -> int | None:
    """Of the running ticket, else by size where the view model declares none; None: the view model's."""
    if running is not None:
        return int(running.priority)
    if elements and declaration is not None and not declaration.own_priority:
        return priority_by_size(elements)
    return None


def _batch(batch: Any, running: Any) -> int | None:
    """The id of the batch given, else of the running ticket's; `batch=False` is none."""
    if batch is None:
        return running.batch_id if running is not None else None
    if batch is False:
        return None
    batch_id = batch.id if isinstance(batch, Batch) else batch
    if not isinstance(batch_id, int) or isinstance(batch_id, bool):
        raise WrongOption(f"batch must be what open_batch returned, its id, or False for none, not {batch!r}")
    return batch_id


def _takes(declaration: Declaration, elements: Sequence[Any], known: Registry) -> None:
    if declaration.sort != "processor":
        raise WrongOption(f"{declaration.name} takes no elements: declare it with @processor")
    for cls in {type(element) for element in elements}:
        if class_named(class_name_of(cls, known), None, known) is None:
            raise WrongOption(
                f"{declaration.name}: no worker could load elements of class {cls.__name__}: decorate it "
                "with @root"
            )


def _fits(declaration: Declaration, root: Any, given: dict[str, Any]) -> None:
    name, about = declaration.name, declaration.root_class
    if about is not None and root is None:
        raise WrongOption(f"{name} is about a {about.__name__}: give root=")
    if about is not None and not isinstance(root, about):
        raise WrongOption(f"{name} is about a {about.__name__}, the root given is a {type(root).__name__}")
    declaration.check(given)
    if TICKET in given:
        raise WrongOption(f"{name}: params may not hold {TICKET!r}: the running ticket is given by that name")
    used = enums_in(given)
    foreign = used - enums_of(declaration) if used else used
    if foreign:
        names = ", ".join(sorted(cls.__qualname__ for cls in foreign))
        raise WrongOption(
            f"{name}: a param is a member of {names}, which no parameter's annotation names: annotate the "
            "parameter with the enum's class, so that a worker knows it"
        )


def _can_start(earliest: datetime | timedelta | None, expires: datetime | timedelta | None) -> None:
    """Two times that can be compared without the database's clock."""
    if earliest is None or expires is None or type(earliest) is not type(expires):
        return
    if isinstance(expires, datetime) and (expires.tzinfo is None or earliest.tzinfo is None):  # type: ignore[union-attr]
        return  # refused as naive, by its name
    if expires < earliest:  # type: ignore[operator]
        raise WrongOption(
            f"expires_at ({expires}) is before execute_earliest ({earliest}): the ticket could never run"
        )


def checked_text(option: str, value: Any, limit: int) -> str | None:
    """Text of 1 to `limit` characters that can be shown, or None. Raises WrongOption."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongOption(f"{option} must be a str, not {value!r} ({type(value).__name__})")
    if not value.strip() or len(value) > limit:
        raise WrongOption(f"{option} must have 1 to {limit} characters, it has {len(value)}: {value[:60]!r}")
    if not value.isprintable():
        raise WrongOption(f"{option} {value[:60]!r} has characters that cannot be shown: remove them")
    return str(value)


def _queue(value: Any) -> str | None:
    wrong = None if value is None else told_wrong(value)
    if wrong is not None:
        raise WrongOption(wrong)
    return None if value is None else str(value)


def _lane(value: Any) -> str | None:
    if isinstance(value, str) and "{root_id}" in value:
        raise WrongOption(
            f"lane {value!r} is taken literally at opening: declare the template with the view model, or "
            "write out the lane's name"
        )
    return checked_text("lane", value, 400)


def _whole(option: str, value: Any, least: int, most: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongOption(f"{option} must be a whole number, not {value!r}")
    if not least <= value <= most:
        cure = "; keep=True keeps it for ever" if option == "keep_receipt_minutes" and value > most else ""
        raise WrongOption(f"{option} must be {least} to {most}, not {value}{cure}")
    return value


def _time(option: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, timedelta):
        try:
            # A day of room: the database's clock is not this one. Beyond year 9999 SQLite says null.
            datetime.now(UTC) + value + timedelta(days=1 if value.days >= 0 else -1)
        except OverflowError:
            raise WrongOption(f"{option}: {value} from now is outside the years 1 to 9999") from None
        return later(value)
    if not isinstance(value, datetime):
        raise WrongOption(f"{option} must be an aware datetime or a timedelta, not {value!r}")
    try:
        return within_calendar(value)
    except OverflowError:
        raise WrongOption(f"{option}: {value} is outside the years 1 to 9999 in UTC") from None
