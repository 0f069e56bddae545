"""Elements: the records that a work package's ticket refers to, of any class, in order, each once.

Stored as `Class!key` beside the ticket, in the transaction that opens it; a processor receives the loaded
objects in the order in which they were given. Source: the elements of an ERP's work packages.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, inspect, select, tuple_
from sqlalchemy.orm import Mapper, Session, with_polymorphic

from .registry import Registry, registry
from .roots import RootError, class_named, parse_key, root_id_of, state_of
from .tables import Element

CHUNK = 1000
"""Keys in one query: a class with more elements than this in one ticket takes one query for each thousand."""

SIZES = ((10, 5), (100, 7))
"""Up to 10 elements medium, up to 100 low, more minor: what is long lets what is short go first."""
LARGEST = 9


def priority_by_size(count: int) -> int:
    """The priority of a ticket of so many elements that nothing else decides."""
    return next((priority for most, priority in SIZES if count <= most), LARGEST)


def unique(elements: Iterable[Any]) -> tuple[Any, ...]:
    """The elements in order, each object once. Raises RootCannotBeNamed for what is no mapped object."""
    found: dict[int, Any] = {}
    for element in elements:
        state_of(element)
        found.setdefault(id(element), element)
    return tuple(found.values())


def write(connection: Connection, opened: Iterable[tuple[int, Sequence[Any]]]) -> None:
    """Store what new tickets refer to; every element has its key by now. Raises RootCannotBeNamed."""
    rows = [
        {"ticket_id": ticket_id, "position": position, "element_id": name}
        for ticket_id, given in opened
        for position, name in enumerate(dict.fromkeys(map(root_id_of, given)), 1)
    ]
    if rows:
        connection.execute(insert(Element), rows)


def names_of(connection: Connection, ticket_id: int) -> list[str]:
    """The `Class!key` of a ticket's elements, in order."""
    query = select(Element.element_id).where(Element.ticket_id == ticket_id).order_by(Element.position)
    return list(connection.execute(query).scalars())


def load(session: Session, names: Sequence[str], known: Registry = registry) -> list[Any]:
    """The objects of these names, in their order, by one query for each class (and thousand).

    Raises RootError, naming the first that is malformed, of an unknown class or gone.
    """
    by_class: dict[type[Any], dict[str, tuple[Any, ...]]] = {}
    for position, name in enumerate(names, 1):
        cls, key = _read(name, f"element {position} of {len(names)}", known)
        by_class.setdefault(cls, {})[name] = key
    found: dict[str, Any] = {}
    for cls, keys in by_class.items():
        loaded = _fetch(session, cls, list(keys.values()))
        found |= {name: loaded[key] for name, key in keys.items() if key in loaded}
    for position, name in enumerate(names, 1):
        if name not in found:
            raise RootError(
                f"element {position} of {len(names)}, {name}, is gone: no row has that key (any more)"
            )
    return [found[name] for name in names]


def _read(name: str, which: str, known: Registry) -> tuple[type[Any], tuple[Any, ...]]:
    class_name, mark, text = name.partition("!")
    if not mark or not class_name or not text:
        raise RootError(f"{which}, {name!r}, is malformed: it must be Class!key, for example Invoice!42")
    cls = class_named(class_name, None, known)
    if cls is None:
        raise RootError(
            f"{which}, {name!r}: no class {class_name!r} is registered: decorate it with @root, or list the "
            "name among its former_names"
        )
    try:
        return cls, parse_key(name, cls, text)
    except RootError as error:
        raise RootError(f"{which}: {error}") from None


def _fetch(session: Session, cls: type[Any], keys: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    mapper: Mapper[Any] = inspect(cls)
    entity: Any = with_polymorphic(mapper, "*") if _is_spread(mapper) else cls
    columns = [getattr(entity, mapper.get_property_by_column(c).key) for c in mapper.primary_key]
    found: dict[tuple[Any, ...], Any] = {}
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        one = len(columns) == 1
        where = columns[0].in_([key[0] for key in chunk]) if one else tuple_(*columns).in_(chunk)
        for element in session.scalars(select(entity).where(where)):
            found[tuple(mapper.primary_key_from_instance(element))] = element
    return found


def _is_spread(mapper: Mapper[Any]) -> bool:
    """Joined inheritance: all subclasses' columns by one statement instead of one more for each object."""
    tables = {table for each in mapper.self_and_descendants for table in each.tables}
    return len(tables) != len(mapper.tables)
