"""Undo: what an operator's act reached goes back to what it left, as the trail tells.

As long as the ticket has not moved since (`moves` is what the act left it at). What was running comes back
pending: its process was ended, its attempt stays charged. Refused when its idempotence token was taken since.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text
from sqlalchemy.exc import IntegrityError

from . import batches, door, lanes
from .acts import PATIENCE_SECONDS, TOLD, Acted, Actor, Refused, changes, is_lock, read
from .clock import STAMP
from .columns import UTC_TEXT
from .database import wait_at_most
from .moves import MOVES, SINGLE_ACTS
from .tables import TrailEntry
from .ticket import Ticket

_TIMES = {column.name for column in Ticket.__table__.columns if type(column.type).__name__ == "Utc"}
UNDOABLE = frozenset(verb for verb in SINGLE_ACTS if verb != "note")


def undo(
    connection: Connection,
    trail_id: int,
    by: Actor,
    *,
    reason: str | None = None,
    operation_id: int | None = None,
) -> Acted:
    """Take one act back, in the caller's transaction, with a row of its own in the trail. Raises Refused."""
    entry = connection.execute(select(TrailEntry.__table__).where(TrailEntry.id == trail_id)).fetchone()
    if entry is None or entry.ticket_id is None:
        raise Refused(f"there is no act {trail_id} on a ticket in the trail", "gone")
    if entry.verb not in UNDOABLE or entry.refused is not None:
        raise Refused(f"{entry.verb} cannot be undone", "argument")
    try:
        wait_at_most(connection, PATIENCE_SECONDS[connection.dialect.name])
        with connection.begin_nested():
            return _undone(connection, entry, by, reason, operation_id)
    except IntegrityError:
        raise Refused(
            f"ticket {entry.ticket_id} cannot go back: another ticket of its view model holds its "
            "idempotence token since",
            "token",
        ) from None
    except Exception as error:
        if is_lock(error):
            raise Refused(f"ticket {entry.ticket_id} is just being moved: try again", "locked") from None
        raise


def may_be_undone(entry: Row[Any], now: Mapping[Any, Any] | None) -> bool:
    """Whether the act may still be taken back, as far as the ticket's row tells (its token may be taken).

    `now`: the ticket's `moves`, `state`, `kept` and `acknowledged_at`; None when it was purged.
    """
    return (
        now is not None
        and entry.ticket_id is not None
        and entry.verb in UNDOABLE
        and entry.refused is None
        and now["state"] in MOVES["undo"].leaves
        and now["moves"] == (entry.after or {}).get("moves", now["moves"])
        and _as_left(now, entry)
    )


def _undone(
    connection: Connection, entry: Row[Any], by: Actor, reason: str | None, operation_id: int | None
) -> Acted:
    more = ("params",) if "params" in (entry.before or {}) else ()
    now = read(connection, entry.ticket_id, lock=True, more=more)
    if now is None:
        raise Refused(f"ticket {entry.ticket_id} was purged: it cannot go back", "gone")
    if now["moves"] != (entry.after or {}).get("moves", now["moves"]) or not _as_left(now, entry):
        raise Refused(f"ticket {entry.ticket_id} has moved since: it is {now['state']} now", "moved")
    back = _values(entry.before or {})
    if back.get("state") == "running":
        # Its process was ended by the act; the attempt stays charged.
        back["state"] = "pending"
    for name in ("moves", "trouble"):  # what happened stays evidence
        back.pop(name, None)
    if back.get("state") == "pending":
        _guard_is_free(connection, entry.ticket_id)
    names = sorted(back)
    sets = "".join(f"{name} = :b_{name}, " for name in names)
    decides = "turn = NULL, fence = NULL, drain_id = NULL, " if "state" in back or "queue" in back else ""
    leaves = ", ".join(map(repr, MOVES["undo"].leaves))
    row = connection.execute(
        door.typed(
            f"UPDATE {door.TABLE} SET {sets}{decides}moves = moves + 1, "
            f"moved_at = {STAMP[connection.dialect.name]} "
            f"WHERE id = :id AND moves = :moves AND state IN ({leaves}) RETURNING {door.RETURNED}",
            **{f"b_{name}": Ticket.__table__.columns[name].type for name in names},
        ),
        {f"b_{name}": back[name] for name in names} | {"id": entry.ticket_id, "moves": now["moves"]},
    ).fetchone()
    if row is None:
        raise Refused(f"ticket {entry.ticket_id} is {now['state']} now: that cannot be undone", "state")
    if row.lane is not None:
        lanes.elect(connection, [row.lane])
    after = read(connection, entry.ticket_id, more=more)
    assert after is not None
    if after["state"] in batches.OPEN_STATES:
        batches.reopen_of(connection, entry.ticket_id)
    made = connection.execute(
        insert(TrailEntry).values(
            actor=by.name,
            via=by.via,
            verb="undo",
            ticket_id=entry.ticket_id,
            root_id=entry.root_id,
            view_model=entry.view_model,
            subject=f"{entry.verb} of {entry.actor} (trail {entry.id})",
            reason=reason,
            operation_id=operation_id,
            before=changes(now, after),
            after=changes(after, now),
        )
    ).inserted_primary_key
    assert made is not None
    return Acted(entry.ticket_id, "undo", now["state"], after["state"], after["moves"], int(made[0]))


def _guard_is_free(connection: Connection, ticket_id: int) -> None:
    """Raises Refused when an equal ticket waits since. Index: counterfoil_tickets_guard."""
    guard = connection.execute(select(Ticket.guard_key).where(Ticket.id == ticket_id)).scalar()
    if guard is None:
        return
    waits = select(Ticket.id).where(text("state = 'pending'"), Ticket.guard_key == guard)
    other = connection.execute(waits.where(Ticket.id != ticket_id).limit(1)).scalar()
    if other is not None:
        raise Refused(
            f"ticket {ticket_id} cannot wait again: ticket {other} waits for the same since (flood guard)",
            "token",
        )


def _as_left(now: Mapping[Any, Any], entry: Row[Any]) -> bool:
    """Acts that do not count as moves (keep, acknowledge) are compared by what they set."""
    after = _values(entry.after or {})
    return all(
        now[name] == value for name, value in after.items() if name in ("state", "kept", "acknowledged_at")
    )


def _values(told: dict[str, Any]) -> dict[str, Any]:
    found = {name: told[name] for name in (*TOLD, "params", "moves") if name in told}
    for name in _TIMES & found.keys():
        if found[name] is not None:
            found[name] = datetime.strptime(found[name], UTC_TEXT).replace(tzinfo=UTC)
    return found


def last_undoable(connection: Connection, ticket_id: int) -> int | None:
    """The trail's latest act on a ticket that may be taken back; None when there is none."""
    verbs = ", ".join(map(repr, sorted(UNDOABLE)))
    found = connection.execute(
        text(
            f"SELECT id FROM counterfoil_trail WHERE ticket_id = :id AND verb IN ({verbs}) "
            "AND refused IS NULL ORDER BY id DESC LIMIT 1"
        ),
        {"id": ticket_id},
    ).scalar()
    return None if found is None else int(found)
