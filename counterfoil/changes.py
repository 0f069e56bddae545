"""Change-triggered tickets: a view model says what it reads, and a change of that opens a ticket.

    @method(changes=("name", "address.city"))
    def write_search_entry(self) -> None: ...

Found at the flush, in the attributes' history, and opened in the same flush under the flood guard's lock: so
in the change's own transaction, and never twice while one waits. A name is an attribute of the root, or of
what one relationship of it leads to. The roots of a changed object one hop away are those in the session that
are linked to it, and those that a SELECT finds by the link: one or two a flush and path, however many objects
have changed. A new root counts as changed, a deleted one does not. A view model's own writes open none of its
own.

What it cannot see: bulk and plain SQL statements, and what mapper events or the database itself change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, inspect, select, tuple_
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    RelationshipDirection,
    RelationshipProperty,
    Session,
    SessionTransaction,
)

from .declaration import Declaration, RegistryError
from .options import current_ticket
from .registry import Registry, registry
from .roots import root_id_of
from .ticket import Ticket

OPENED = "counterfoil_changes_opened"


@dataclass(frozen=True)
class Watch:
    """What one view model reads at one place: attributes of the root itself, or behind a relationship."""

    declaration: Declaration
    root: Mapper[Any]
    names: frozenset[str]
    link: RelationshipProperty[Any] | None = None

    @property
    def looks_at(self) -> Mapper[Any]:
        """Whose objects it is about."""
        return self.root if self.link is None else self.link.mapper

    def is_changed(self, state: InstanceState[Any], new_or_gone: bool) -> bool:
        """Whether this object's change is one of them; emits no SQL."""
        return new_or_gone or any(state.attrs[name].history.has_changes() for name in self.names)


_compiled: tuple[Any, int, tuple[Watch, ...]] = (None, 0, ())


def watches(known: Registry = registry) -> tuple[Watch, ...]:
    """All of a registry. Raises RegistryError for a name that its class does not have."""
    global _compiled
    of, number, found = _compiled
    if of is not known.view_models or number != len(known.view_models):
        declared = {id(each): each for each in known.view_models.values() if each.changes}
        found = tuple(watch for each in declared.values() for watch in _watches(each))
        _compiled = (known.view_models, len(known.view_models), found)
    return found


def _watches(declaration: Declaration) -> Iterator[Watch]:
    root = inspect(declaration.root_class, raiseerr=False)
    if not isinstance(root, Mapper):
        raise RegistryError(f"{declaration.name}: changes are those of a mapped class, {root!r} is none")
    own: set[str] = set()
    behind: dict[str, set[str]] = {}
    for path in declaration.changes:
        name, _, further = path.partition(".")
        _has(declaration, root, name)
        own.add(name)
        if further:
            link = root.relationships.get(name)
            if link is None:
                raise RegistryError(
                    f"{declaration.name}: changes names {path!r}, but {name} of {root.class_.__name__} is no "
                    "relationship"
                )
            _has(declaration, link.mapper, further)
            behind.setdefault(name, set()).add(further)
    for name in [*own]:
        if name in root.relationships:
            own |= _foreign_keys(root, root.relationships[name])
    yield Watch(declaration, root, frozenset(own))
    for name, names in behind.items():
        link = root.relationships[name]
        if link.direction is RelationshipDirection.ONETOMANY:
            names |= {*_remote(link), *(back.key for back in link._reverse_property)}
        yield Watch(declaration, root, frozenset(names), link)


def _foreign_keys(root: Mapper[Any], link: RelationshipProperty[Any]) -> set[str]:
    if link.direction is not RelationshipDirection.MANYTOONE:
        return set()
    return {root.get_property_by_column(column).key for column in link.local_columns}


def _remote(link: RelationshipProperty[Any]) -> list[str]:
    """The attributes, of what it leads to, that a relationship is joined by."""
    return [link.mapper.get_property_by_column(theirs).key for _, theirs in link.local_remote_pairs or ()]


def _has(declaration: Declaration, mapper: Mapper[Any], name: str) -> None:
    names = {*mapper.column_attrs.keys(), *mapper.relationships.keys()}
    if name not in names:
        known = ", ".join(sorted(names)[:20])
        raise RegistryError(
            f"{declaration.name}: changes names {name!r}, which {mapper.class_.__name__} does not have; it "
            f"has: {known}"
        )


def open_changed(session: Session) -> None:
    """Add the tickets of what this flush is about to write; called before it."""
    known = watches()
    running = current_ticket.get()
    if running is not None:
        known = tuple(watch for watch in known if watch.declaration.name != running.view_model)
    if not known:
        return
    found: dict[tuple[str, int], tuple[Declaration, Any]] = {}
    behind: dict[int, tuple[Watch, list[InstanceState[Any]]]] = {}
    of: dict[Mapper[Any], list[Watch]] = {}
    deleted = set(session.deleted)
    for each in (*session.new, *session.dirty, *deleted):
        state: InstanceState[Any] = inspect(each)
        if state.mapper not in of:
            of[state.mapper] = [watch for watch in known if state.mapper.isa(watch.looks_at)]
        for watch in of[state.mapper]:
            if not watch.is_changed(state, state.key is None or each in deleted):
                continue
            if watch.link is None:
                found[watch.declaration.name, id(each)] = (watch.declaration, each)
            else:
                behind.setdefault(id(watch), (watch, []))[1].append(state)
    for watch, states in behind.values():
        for root in _roots(session, watch, states):
            found[watch.declaration.name, id(root)] = (watch.declaration, root)
    _open(session, [pair for pair in found.values() if pair[1] not in deleted])


def _open(session: Session, found: Iterable[tuple[Declaration, Any]]) -> None:
    opened: set[tuple[str, str | None]] = session.info.setdefault(OPENED, set())
    for declaration, root in found:
        # Opened by an earlier flush of this transaction: no worker sees that one before the commit.
        named = (declaration.name, root_id_of(root))
        if named in opened:
            continue
        session.add(Ticket(root=root, view_model=declaration.name, guard=True))
        if named[1] is not None:
            opened.add(named)


def _roots(session: Session, watch: Watch, states: list[InstanceState[Any]]) -> list[Any]:
    """The roots that these objects are linked to: in the database, which the flush has not reached yet, and
    as they stand in memory."""
    link, root = watch.link, watch.root.class_
    assert link is not None
    found: list[Any] = []
    for state in states:
        for back in link._reverse_property:
            found.extend(each for each in state.attrs[back.key].history.sum() if each is not None)
    saved = {state.identity for state in states if state.identity is not None}
    with session.no_autoflush:
        if saved:
            theirs = tuple_(*link.mapper.primary_key)
            linked = select(root).join(link.class_attribute).where(theirs.in_(sorted(saved, key=repr)))
            found.extend(session.scalars(linked).unique())
        if link.direction is RelationshipDirection.ONETOMANY and (keys := _new_keys(link, states)):
            ours = tuple_(*(local for local, _ in link.local_remote_pairs or ()))
            found.extend(session.scalars(select(root).where(ours.in_(sorted(keys, key=repr)))).unique())
    return found


def _new_keys(link: RelationshipProperty[Any], states: list[InstanceState[Any]]) -> set[tuple[Any, ...]]:
    """The keys of roots that these objects were given by their foreign key, not yet in the database."""
    names = _remote(link)
    changed = [state for state in states if any(state.attrs[name].history.added for name in names)]
    keys = {tuple(state.dict.get(name) for name in names) for state in changed}
    return {key for key in keys if None not in key}


@event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested or transaction.parent is None:
        session.info.pop(OPENED, None)
