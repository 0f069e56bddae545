"""An operator's single act: one verb on one ticket, refused with a reason or done with its trail.

Button, bulk operation, API and command line call the same function. The trail's row is written in the
transaction of the change (promise 5); the caller commits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from . import batches, door, settle
from .columns import EVIDENCE, NaiveTime, utc_text, within_calendar
from .database import wait_at_most
from .errors import ERROR_LIMIT, Failure, safe
from .moves import MOVES, SINGLE_ACTS
from .priority import priority_number
from .queue_names import told_wrong
from .tables import TrailEntry
from .ticket import Ticket

PATIENCE_SECONDS = {"postgresql": 1.0, "sqlite": 5.0}

TOLD = (
    "state", "queue", "priority", "execute_earliest", "retry_at", "expires_at", "kept", "run", "attempts",
    "done", "delete_time", "postponed_count", "postponed_reason", "first_postponed_at", "acknowledged_at",
    "acknowledged_by", "error", "error_kind", "fingerprint", "duration_ms", "trouble",
)  # fmt: skip
"""The columns whose values before and after an act stand in the trail; enough to take it back."""

EDITED = ("params", "encryptor")
"""What an edit reads besides: params may be large, and other acts do not touch them."""

_EVIDENCE = text(
    "UPDATE counterfoil_tickets SET trouble = true WHERE id = :id AND NOT trouble AND state <> 'running'"
)


@dataclass(frozen=True)
class Actor:
    """Who acts: a person's name, or a duty's ("scheduler: deadlines"); `via` console, api, cli, scheduler."""

    name: str
    via: str


@dataclass(frozen=True)
class Acted:
    """An act that was done: the state before and after, the ticket's `moves` now, the trail's row."""

    ticket_id: int
    verb: str
    before_state: str
    state: str
    moves: int
    trail_id: int


class Refused(Exception):
    """An act that was not done; the text is a sentence for a person.

    `code`: gone (no such ticket), state (not in a state for it), moved (not as the person saw it), locked (is
    finishing), argument (bad or missing), token (its idempotence token was taken since).
    """

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


def act(
    connection: Connection,
    verb: str,
    ticket_id: int,
    by: Actor,
    *,
    reason: str | None = None,
    expected_moves: int | None = None,
    operation_id: int | None = None,
    **arguments: Any,
) -> Acted:
    """Do one verb on one ticket, in the caller's transaction, with its row in the trail.

    Waits at most a second for a lock (SQLite: 5). Arguments by verb: extend(expires_at), keep(until; None is
    evidence), reprioritise(priority), reschedule(at), move(queue), stop(hold: not
    tried again before it is released), edit(params: all of them as they are to be stored, see `editing`).

    Raises Refused; the savepoint that the statements ran in is then rolled back and the caller's transaction
    is usable.
    """
    if verb not in SINGLE_ACTS:
        raise Refused(f"there is no act {verb!r}; there are {', '.join(SINGLE_ACTS)}", "argument")
    if MOVES[verb].needs_reason and not (reason or "").strip():
        raise Refused(f"{verb} needs a reason: say why, it stands in the trail", "argument")
    told = (reason or "").strip() or None
    values = _arguments(verb, arguments) | {"actor": by.name}
    failure = _stopped(by, told) if verb == "stop" else None
    if failure is not None:
        values |= {"error": failure.text, "error_kind": failure.kind, "fingerprint": failure.fingerprint}
    try:
        wait_at_most(connection, PATIENCE_SECONDS[connection.dialect.name])
        with connection.begin_nested():
            return _done(connection, verb, ticket_id, by, told, expected_moves, operation_id, values, failure)
    except IntegrityError:
        raise Refused(
            f"ticket {ticket_id} cannot be pending again: another ticket of its view model holds its "
            "idempotence token since",
            "token",
        ) from None
    except OperationalError as error:
        if is_lock(error):
            raise Refused(
                f"ticket {ticket_id} is just being finished or moved: try again", "locked"
            ) from None
        raise


def _done(
    connection: Connection,
    verb: str,
    ticket_id: int,
    by: Actor,
    reason: str | None,
    expected_moves: int | None,
    operation_id: int | None,
    values: dict[str, Any],
    failure: Failure | None,
) -> Acted:
    more = EDITED if verb == "edit" else ()
    before = read(connection, ticket_id, lock=True, more=more)
    if before is None:
        raise Refused(f"there is no ticket {ticket_id}: it was never opened here, or it was purged", "gone")
    if before["state"] not in MOVES[verb].leaves:
        raise Refused(_why_not(verb, ticket_id, before), "state")
    if expected_moves is not None and before["moves"] != expected_moves:
        raise Refused(
            f"ticket {ticket_id} has moved on since this page was made: it is {before['state']} now", "moved"
        )
    if before.get("encryptor"):
        raise Refused(f"the params of ticket {ticket_id} are encrypted: they cannot be edited", "argument")
    row = door.move(connection, verb, ticket_id, expected_moves=expected_moves, **values)
    if row is None:
        raise Refused(f"ticket {ticket_id} has moved on while you acted: look again", "moved")
    if verb in ("retry", "edit"):
        batches.reopen_of(connection, ticket_id)
    if failure is not None:
        settle.remember(connection, row, verb, failure, None, None)
    # Whatever a person did to a ticket makes its receipt evidence. A running one's row is not written.
    connection.execute(_EVIDENCE, {"id": ticket_id})
    after = read(connection, ticket_id, more=more)
    assert after is not None
    entry = {
        "actor": by.name,
        "via": by.via,
        "verb": verb,
        "ticket_id": ticket_id,
        "root_id": before["root_id"],
        "view_model": before["view_model"],
        "reason": reason,
        "operation_id": operation_id,
        "before": changes(before, after),
        "after": changes(after, before),
    }
    trail_id = connection.execute(insert(TrailEntry).values(entry)).inserted_primary_key
    assert trail_id is not None
    return Acted(ticket_id, verb, before["state"], after["state"], after["moves"], int(trail_id[0]))


def read(
    connection: Connection, ticket_id: int, lock: bool = False, more: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """What the trail tells of a ticket as it is now; `lock` holds its row until the transaction ends."""
    columns = [getattr(Ticket, name) for name in (*TOLD, "moves", "root_id", "view_model", "lane", *more)]
    query = select(*columns).where(Ticket.id == ticket_id)
    if lock and connection.dialect.name == "postgresql":
        query = query.with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def changes(these: dict[str, Any], those: dict[str, Any]) -> dict[str, Any]:
    """The told columns in which these differ from those, as JSON; `moves` always."""
    names = [name for name in (*TOLD, "params") if name in these]
    changed = {name: these[name] for name in names if these[name] != those[name]} | {"moves": these["moves"]}
    return {n: utc_text(v) if isinstance(v, datetime) else v for n, v in changed.items()}


def _why_not(verb: str, ticket_id: int, before: dict[str, Any]) -> str:
    return (
        f"ticket {ticket_id} is {before['state']}: {verb} is for tickets that are "
        f"{' or '.join(MOVES[verb].leaves)}"
    )


def is_lock(error: BaseException) -> bool:
    """Whether the error says that a lock was not to be had in time."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state == "55P03" or "locked" in str(error.orig)


def _arguments(verb: str, given: dict[str, Any]) -> dict[str, Any]:
    wanted = MOVES[verb].arguments
    for name in given:
        if name not in wanted:
            raise Refused(
                f"{verb} takes no {name!r}" + (f", only {wanted[0]!r}" if wanted else ""), "argument"
            )
    if not wanted:
        return {}
    name = wanted[0]
    if name not in given and verb not in ("extend", "keep", "stop"):
        raise Refused(f"{verb} needs {name!r}", "argument")
    return {name: _CHECKS[verb](given.get(name, False if verb == "stop" else None))}


def _stopped(by: Actor, reason: str | None) -> Failure:
    """The attempt that an operator ends counts: what it did outside may have happened."""
    told = f"stopped by {by.name}" + (f": {reason}" if reason else "")
    return Failure("stopped", safe(told, ERROR_LIMIT), fingerprint="stopped")


def _instant(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise Refused(f"{value!r} is no time", "argument")
    try:
        within_calendar(value)
    except (NaiveTime, OverflowError) as error:
        raise Refused(str(error), "argument") from None
    return value


def _queue(value: Any) -> str:
    name = value.strip() if isinstance(value, str) else value
    if wrong := told_wrong(name):
        raise Refused(wrong, "argument")
    return str(name)


def _priority(value: Any) -> int:
    try:
        return priority_number(value)
    except ValueError as error:
        raise Refused(str(error), "argument") from None


def _params(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("params must be an object of names to values", "argument")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "edit": _params,
    "extend": lambda value: None if value is None else _instant(value),
    "keep": lambda value: EVIDENCE if value is None else _instant(value),
    "reschedule": _instant,
    "reprioritise": _priority,
    "move": _queue,
    "stop": int,
}
