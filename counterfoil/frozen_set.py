"""An operation's frozen set: the tickets that its filter meant when it was asked for, with their `moves`.

Made in chunks, each a stretch of the filter's own index, so that a million tickets hold no lock for long. A
ticket that moved after the asking is not in it: the set is what the person saw, and freezing ends whatever
happens meanwhile.
"""

from typing import Any

from sqlalchemy import Connection, Insert, Integer, case, func, literal, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .clock import stamp
from .filters import TicketFilter
from .keyset import Place, read_place
from .moves import MOVES
from .operation_asking import WITH_ARGUMENTS
from .search.lookup import lookup
from .tables import Operation, OperationItem
from .ticket import Ticket
from .walks import Scan, behind
from .walks import edge as edge_of

CHUNK = 5000
"""Rows of an index that one transaction looks through."""


def freeze(connection: Connection, operation: Any, chunk: int = CHUNK) -> bool:
    """One chunk of an asked operation's set; True when that was the last and the preview stands.

    Raises FilterError when its filter is not one of this version.
    """
    if operation.ids is not None:
        connection.execute(_insert(connection, operation, [Ticket.id.in_(operation.ids)]))
        return _complete(connection, operation)
    wanted = TicketFilter.parse(operation.query or "")
    by_words = not operation.frozen_through and operation.verb not in WITH_ARGUMENTS
    if by_words and (ids := lookup(connection, wanted.search)) is not None:
        few = [Ticket.id.in_(ids), wanted.where(operation.asked_at), Ticket.moved_at <= operation.asked_at]
        connection.execute(_insert(connection, operation, few))
        return _complete(connection, operation)
    scans = wanted.scans(operation.asked_at)
    if operation.verb in WITH_ARGUMENTS:  # nobody has chosen a tab: what it cannot take was never meant
        scans = [scan for scan in scans if scan.state is None or scan.state in may_take(operation.verb)]
    if not scans:
        return _complete(connection, operation)
    number, place = _read(operation.frozen_through, scans)
    edge = edge_of(connection, scans[number], chunk, place)
    conditions = [*scans[number].bounded, *scans[number].residual, Ticket.moved_at <= operation.asked_at]
    if place:
        conditions.append(behind(scans[number], place))
    if edge:
        conditions.append(behind(scans[number], edge, forward=False, inclusive=True))
    connection.execute(_insert(connection, operation, conditions))
    if edge is None and number + 1 == len(scans):
        return _complete(connection, operation)
    through = f"{number}:{edge.written()}" if edge else f"{number + 1}:"
    connection.execute(update(Operation).where(Operation.id == operation.id).values(frozen_through=through))
    return False


def may_take(verb: str) -> tuple[str, ...]:
    """States in which a bulk act takes a ticket; a done one runs again only by a single act."""
    return tuple(state for state in MOVES[verb].leaves if (verb, state) != ("retry", "done"))


def _read(through: str | None, scans: list[Scan]) -> tuple[int, Place | None]:
    if not through:
        return 0, None
    number, _, written = through.partition(":")
    place = read_place(f"f.{written}", scans[int(number)].order)[0] if written else None
    return int(number), place


def _insert(connection: Connection, operation: Any, conditions: list[Any]) -> Insert:
    able = Ticket.state.in_(may_take(operation.verb))
    chosen = select(
        literal(operation.id, Integer),
        Ticket.id,
        Ticket.moves,
        Ticket.state,
        case((able, null()), else_="skipped"),
        case((able, null()), else_=literal("is ") + Ticket.state),
    ).where(*conditions)
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    columns = ["operation_id", "ticket_id", "moves", "state", "result", "reason"]
    # A ticket that moved along the index between two chunks is met twice; its first place counts.
    return insert(OperationItem).from_select(columns, chosen).on_conflict_do_nothing()


def _complete(connection: Connection, operation: Any) -> bool:
    grouped = (
        select(OperationItem.state, OperationItem.result, func.count())
        .where(OperationItem.operation_id == operation.id)
        .group_by(OperationItem.state, OperationItem.result)
    )
    by_state: dict[str, int] = {}
    skipped: dict[str, int] = {}
    for state, result, count in connection.execute(grouped):
        by_state[state] = by_state.get(state, 0) + count
        if result is not None:
            skipped[state] = count
    values = {
        "state": "previewed",
        "previewed_at": stamp(),
        "matched": sum(by_state.values()),
        "by_state": by_state,
        "skipped_at_preview": skipped,
        "skipped": sum(skipped.values()),
    }
    connection.execute(
        update(Operation).where(Operation.id == operation.id, Operation.state == "asked").values(values)
    )
    return True
