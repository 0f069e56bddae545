"""The options of opening a ticket, checked at the caller's line and turned into columns.

Every error names the option and the cure. What is left out stays null: the insert trigger decides it from the
view model's record.
"""

import inspect
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from .clock import later
from .columns import EVIDENCE, NaiveTime
from .declare import name_of
from .params import encode, enums_in
from .priority import priority_number
from .queue_names import told_wrong
from .registry import TICKET, Declaration, Registry, registry
from .roots import state_of
from .signatures import enums_of

current_ticket: ContextVar[Any | None] = ContextVar("counterfoil_current_ticket", default=None)
"""The ticket that runs in this context (its `id` and `priority` are read); set by `running`."""

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
    known: Registry = registry,
) -> dict[str, Any]:
    """The columns of a ticket with these options, without those that the database decides.

    Raises WrongOption, NaiveTime, UnknownPriority, ParamsCannotBeStored, ParamsDoNotFit, RegistryError.
    """
    if view_model is None:
        raise WrongOption("a ticket needs view_model=: a ViewModel, a method, a target, or its name")
    name = _text("view_model", name_of(view_model), 200) or ""
    if root is not None:
        state_of(root)
    given = dict(params) if isinstance(params, dict) else params or {}
    stored = encode(given)
    declaration = known.view_models.get(name)
    if declaration is not None:
        _fits(declaration, root, given)
    running = current_ticket.get()
    if priority is None and running is not None:
        priority = running.priority
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
        "idempotence_token": _text("idempotence_token", idempotence_token, 200),
        "opened_by": _text("opened_by", opened_by, 200),
        "in_charge": _text("in_charge", in_charge, 200),
        "max_attempts": _whole("max_attempts", max_attempts, 1, 1000),
        "parent_id": running.id if running is not None else None,
    }
    return {column: value for column, value in made.items() if value is not None}


OPENING = frozenset(inspect.signature(columns_of).parameters) - {"known"}
"""The names of the options."""


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


def _text(option: str, value: Any, limit: int) -> str | None:
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
    return _text("lane", value, 400)


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
    if value.utcoffset() is None:
        raise NaiveTime(value)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise WrongOption(f"{option}: {value} is outside the years 1 to 9999 in UTC") from None
