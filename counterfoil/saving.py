"""Saving tickets with the session's flush: the transient root's key, what the trigger decided, the bell.

A root that is saved, or whose key is set by the client, is named at once: one INSERT. The root that the same
flush inserts has its key only afterwards: its ticket is inserted aside (cause "root", no turn) and saved
again exactly once, in the same flush, so that plain SQL after an explicit flush reads a whole ticket.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, event, inspect, select, update
from sqlalchemy.orm import Mapper, Session, object_session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.unitofwork import UOWTransaction

from . import batches, changes, door, elements, flood_guard, opener
from .hot import Hot
from .opened_via import UNSAVED
from .ringing import note_for_session
from .roots import key_of, label_of, root_id_of, state_of
from .sqlite import is_prepared
from .ticket import Ticket

NEW = "counterfoil_new_tickets"
READ_BACK = (
    *("queue", "priority", "max_attempts", "keep_receipt_minutes", "in_charge", "lane"),
    *("turn", "aside", "aside_since", "state", "opened_at", "due_at", "root_id", "root_label"),
)
_FILLED = Hot(
    lambda dialect: door.typed(f"SELECT {', '.join(READ_BACK)} FROM {door.TABLE} WHERE id = :id"),
    tuple(Ticket.__table__.c[name].type for name in READ_BACK),
)
CHUNK = 500


class RootNotSaved(ValueError):
    """A ticket's root is in no session: it was never added, or rolled back with its savepoint."""


class RootElsewhere(ValueError):
    """A ticket's root lives in another database than the tickets."""


class TicketRolledBack(RuntimeError):
    """A ticket whose transaction was rolled back was added to a session again."""


class EngineNotPrepared(RuntimeError):
    """A ticket was opened in a savepoint of a SQLite engine whose driver would commit it at the release."""


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, context: UOWTransaction, instances: Any) -> None:
    changes.open_changed(session)
    for each in session.new:
        if isinstance(each, Ticket):
            take_in_hand(session, each)


@event.listens_for(Ticket, "before_insert", propagate=True)
def _before_insert(mapper: Mapper[Any], connection: Connection, ticket: Ticket) -> None:
    # A host's own before_flush may have added it after ours had run.
    session = object_session(ticket)
    if ticket.opened_via is UNSAVED and session is not None:
        take_in_hand(session, ticket)


def take_in_hand(session: Session, ticket: Ticket) -> None:
    """Make a new ticket ready for its INSERT. Raises EngineNotPrepared, RootNotSaved, RootElsewhere."""
    connection = connection_of(session)
    if connection.in_nested_transaction() and not is_prepared(connection.engine):
        raise EngineNotPrepared(
            "a ticket is opened in a savepoint, which this SQLite engine would commit at its release: call "
            "counterfoil.sqlite.prepare(engine) once before its first connection (the Flask extension does)"
        )
    if ticket.opened_via is not UNSAVED and "opened_at" in vars(ticket):
        raise TicketRolledBack(
            f"this Ticket ({ticket.view_model}) was rolled back with its transaction: open a new one"
        )
    if ticket.root is not None:
        name_root(session, ticket)
        if key_of(ticket.root) is None:
            ticket.aside, ticket.turn = "root", False
    for position, element in enumerate(ticket._elements, 1):
        what = f"element {position} of this ticket ({ticket.view_model}), a {type(element).__name__},"
        _is_saved(session, element, what)
    if ticket._guard is not None and (ticket.root is None or ticket.root_id is not None):
        ticket.guard_key = ticket._guard.key_of(ticket.root_id)
    if ticket.opened_by is None:
        ticket.opened_by = opener.ask(connection)
    ticket.opened_via = "orm"


def name_root(session: Session, ticket: Ticket) -> None:
    """Set a new ticket's `root_id` and label from its root, unless the root's key is still to come.

    Raises RootNotSaved, RootElsewhere.
    """
    root = ticket.root
    _is_saved(session, root, f"the root of this ticket ({ticket.view_model}), a {type(root).__name__},")
    if key_of(root) is not None:
        ticket.root_id, ticket.root_label = root_id_of(root), label_of(root)


def _is_saved(session: Session, root: Any, what: str) -> None:
    """Whether an object is saved, or will be by this flush. Raises RootNotSaved, RootElsewhere."""
    state = state_of(root)
    if state.transient:
        raise RootNotSaved(
            f"{what} is in no session: it was never added, or it was rolled back (with a savepoint). Add it "
            "to the session before the ticket is flushed"
        )
    if state.deleted or root in session.deleted:
        raise RootNotSaved(f"{what} is deleted in this transaction: its ticket could never load it")
    if state.pending and root not in session:
        raise RootNotSaved(f"{what} is new in another session: add both to the same one")
    _same_database(state.session or session, session, type(root), what)


def _same_database(roots: Session, tickets: Session, cls: type[Any], what: str) -> None:
    theirs, ours = _engine(roots.get_bind(inspect(cls))), _engine(tickets.get_bind(inspect(Ticket)))
    same = theirs is ours or (theirs.url == ours.url and theirs.url.database not in (None, "", ":memory:"))
    if not same:
        raise RootElsewhere(
            f"{what} lives in another database ({theirs.url!r}) than the tickets ({ours.url!r}): one "
            "transaction cannot span both. Open the ticket without root and give the key as a param"
        )


def _engine(bind: Engine | Connection) -> Engine:
    return bind.engine


def connection_of(session: Session) -> Connection:
    """The connection of the session's transaction that its tickets are written on."""
    return session.connection(bind_arguments={"mapper": inspect(Ticket)})


@event.listens_for(Session, "after_flush")
def _after_flush(session: Session, context: UOWTransaction) -> None:
    setattr(context, NEW, [each for each in session.new if isinstance(each, Ticket)])


@event.listens_for(Session, "after_flush_postexec")
def _after_flush_postexec(session: Session, context: UOWTransaction) -> None:
    new: list[Ticket] = getattr(context, NEW, [])
    if not new:
        return
    connection = connection_of(session)
    waiting = [ticket for ticket in new if ticket.aside == "root" and ticket.root is not None]
    if waiting:
        _save_again(connection, waiting)
    # SQLite's trigger runs after the insert, RETURNING does not see what it decided.
    read = new if connection.dialect.name == "sqlite" else waiting
    read = [*read, *(ticket for ticket in new if "due_at" not in vars(ticket) and ticket not in read)]
    _read_back(connection, read)
    complete(session, connection, new)


def complete(session: Session, connection: Connection, new: Sequence[Ticket]) -> None:
    """What belongs to new tickets besides their rows: elements, their batches, the bell.

    Those that the flood guard finds needless are taken back first.
    """
    opened = flood_guard.let_wait(session, connection, new)
    elements.write(connection, [(ticket.id, ticket._elements) for ticket in opened])
    batches.reopen(connection, [ticket.batch_id for ticket in opened if ticket.batch_id is not None])
    note_due(session, connection, opened)


def note_due(session: Session, connection: Connection, opened: Sequence[Ticket]) -> None:
    """Have the bell rung for what these tickets make due, after the outermost commit."""
    for ticket in opened:
        if ticket.turn and ticket.queue:
            delay = (ticket.due_at - ticket.opened_at).total_seconds()
            note_for_session(session, connection, ticket.queue, max(0.0, delay))


def _save_again(connection: Connection, waiting: Sequence[Ticket]) -> None:
    tickets = Ticket.__table__
    rows = []
    for ticket in waiting:
        name = root_id_of(ticket.root) if inspect(ticket.root).persistent else None
        if name is None:
            raise RootNotSaved(
                f"the root of ticket {ticket.id} ({ticket.view_model}) was not saved by this flush: "
                f"{ticket.root!r} has no complete key"
            )
        guard_key = ticket._guard.key_of(name) if ticket._guard is not None else None
        set_committed_value(ticket, "guard_key", guard_key)
        rows.append({"this": ticket.id, "name": name, "label": label_of(ticket.root), "guard": guard_key})
    connection.execute(
        update(Ticket)
        .where(tickets.c.id == bindparam("this"))
        .values(
            root_id=bindparam("name"),
            root_label=bindparam("label"),
            guard_key=bindparam("guard"),
            aside=None,
            turn=None,
        ),
        rows,
    )


def _read_back(connection: Connection, read: Sequence[Ticket]) -> None:
    columns = Ticket.__table__.c
    if len(read) == 1:  # as with most flushes; by SQLAlchemy's own way it costs half as much as the INSERT
        (ticket,) = read
        if (filled := _FILLED.first(connection, {"id": ticket.id})) is not None:
            for name, value in zip(READ_BACK, filled, strict=True):
                set_committed_value(ticket, name, value)
        return
    for start in range(0, len(read), CHUNK):
        chunk = {ticket.id: ticket for ticket in read[start : start + CHUNK]}
        rows = connection.execute(
            select(columns.id, *(columns[name] for name in READ_BACK)).where(columns.id.in_(chunk))
        )
        for row in rows.mappings():
            for name in READ_BACK:
                set_committed_value(chunk[row["id"]], name, row[name])
