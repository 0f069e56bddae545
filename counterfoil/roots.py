"""The root of a ticket: the object its work is about, named by class and key, `Customer!42`.

The class part is the nearest registered root class, so that renaming a subclass breaks nothing; the key parts
are percent-quoted and joined by commas. Loading takes one query, for any subclass.
"""

import enum
import logging
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from sqlalchemy import inspect, select
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import InstanceState, Mapper, Session, with_polymorphic

from .registry import Registry, RootDeclaration, registry

MAX_LENGTH = 400
LABEL_LENGTH = 200
SAFE = "-_.~:@+ "

log = logging.getLogger(__name__)


class RootError(Exception):
    """A root that cannot be found: malformed, of an unknown or wrong class, or gone. Error kind resolve."""


class RootCannotBeNamed(ValueError):
    """An object that cannot be a root: not mapped, or with a key that has no text."""


def state_of(root: Any) -> InstanceState[Any]:
    """SQLAlchemy's state of a mapped object. Raises RootCannotBeNamed."""
    try:
        state = inspect(root)
    except NoInspectionAvailable:
        state = None
    if not isinstance(state, InstanceState):
        raise RootCannotBeNamed(
            f"root must be an object of a mapped class (a row of yours), not {type(root).__name__}"
        )
    return state


def key_of(root: Any) -> tuple[Any, ...] | None:
    """The primary key of a mapped object, None while it is incomplete."""
    state = state_of(root)
    key = state.identity or tuple(state.mapper.primary_key_from_instance(root))
    return None if any(part is None for part in key) else tuple(key)


def root_id_of(root: Any, known: Registry = registry) -> str | None:
    """`Class!key` of a mapped object; None while its key is incomplete. Raises RootCannotBeNamed."""
    key = key_of(root)
    if key is None:
        return None
    name = class_name_of(type(root), known)
    made = f"{name}!{','.join(_write(part, name) for part in key)}"
    if len(made) > MAX_LENGTH:
        raise RootCannotBeNamed(f"the key of this {name} is longer than a root id may be ({MAX_LENGTH})")
    return made


def class_name_of(cls: type[Any], known: Registry = registry) -> str:
    """The name a class bears in root ids: of the nearest registered mapped class, else of its base."""
    for each in cls.__mro__:
        found = known.root_classes.get(each.__name__)
        if found is not None and found.cls is each and inspect(each, raiseerr=False) is not None:
            return found.name
    mapper: Mapper[Any] = inspect(cls)
    return mapper.base_mapper.class_.__name__


def label_of(root: Any, known: Registry = registry) -> str | None:
    """What a person would call this object, as its class declares it; None without a declaration.

    A label that cannot be made is logged and left out: it must not stop the opening.
    """
    for each in type(root).__mro__:
        found = known.root_classes.get(each.__name__)
        if found is not None and found.cls is each and found.label is not None:
            try:
                return str(found.label(root))[:LABEL_LENGTH].replace("\x00", "")
            except Exception:
                log.warning("the label of a %s could not be made", type(root).__name__, exc_info=True)
                return None
    return None


def load(
    session: Session, root_id: str, expected: type[Any] | None = None, known: Registry = registry
) -> Any:
    """The object a root id names, by one query. Raises RootError, naming what is wrong.

    `expected`: the class that the view model is about; its mapped subclasses are welcome.
    """
    name, mark, text = root_id.partition("!")
    if not mark or not name or not text:
        raise RootError(f"root id {root_id!r} is malformed: it must be Class!key, for example Customer!42")
    cls = class_named(name, expected, known)
    if cls is None:
        raise RootError(
            f"root {root_id!r}: no root class {name!r} is registered: declare a view model or @root on it, "
            "or list the name among its former_names"
        )
    if expected is not None and not issubclass(cls, expected) and not issubclass(expected, cls):
        raise RootError(f"root {root_id!r} is of class {name}, the view model is about {expected.__name__}")
    found = _fetch(session, cls, parse_key(root_id, cls, text))
    if found is None:
        raise RootError(f"root {root_id!r} is gone: no {name} has that key (any more)")
    if expected is not None and not isinstance(found, expected):
        raise RootError(
            f"root {root_id!r} is a {type(found).__name__}, the view model is about {expected.__name__}"
        )
    return found


def key_columns(declaration: RootDeclaration) -> list[str]:
    """The names of the key's columns, in the order in which a root id names them; [] when not mapped."""
    mapper = inspect(declaration.cls, raiseerr=False)
    return [column.name for column in mapper.primary_key] if isinstance(mapper, Mapper) else []


def class_named(name: str, expected: type[Any] | None, known: Registry) -> type[Any] | None:
    """The mapped class of a name in root ids: a registered one, else one that `expected` leads to."""
    declared = known.root_classes.get(name)
    if declared is not None and inspect(declared.cls, raiseerr=False) is not None:
        return declared.cls
    # A view model may stand on an unmapped mixin, or on a base class of what the ticket names.
    waiting = [expected] if expected is not None else []
    while waiting:
        each = waiting.pop()
        if each.__name__ == name and inspect(each, raiseerr=False) is not None:
            return each
        waiting += each.__subclasses__()
    return None


def _fetch(session: Session, cls: type[Any], key: tuple[Any, ...]) -> Any:
    mapper: Mapper[Any] = inspect(cls)
    tables = {table for each in mapper.self_and_descendants for table in each.tables}
    if len(tables) == len(mapper.tables):
        return session.get(cls, key)
    # Joined inheritance: all subclasses' columns by one statement instead of one more each.
    entity = with_polymorphic(mapper, "*")
    attributes = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    where = [getattr(entity, name) == part for name, part in zip(attributes, key, strict=True)]
    return session.scalars(select(entity).where(*where)).one_or_none()


def _write(part: Any, name: str) -> str:
    if isinstance(part, enum.Enum):
        return quote(part.name, safe=SAFE)
    if isinstance(part, bytes):
        return part.hex()
    if isinstance(part, str | int | Decimal | UUID | date):
        return quote(part.isoformat() if isinstance(part, date) else str(part), safe=SAFE)
    raise RootCannotBeNamed(f"{name} has a key of type {type(part).__name__}, which a root id cannot hold")


def _truth(text: str) -> bool:
    return {"True": True, "False": False}[text]


def _whole(text: str) -> int:
    # int() also reads " 4_2 "; beyond 64 bits a driver would raise in its own words.
    if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(text)
    return int(text)


_READERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: _whole,
    bool: _truth,
    Decimal: Decimal,
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    bytes: bytes.fromhex,
}


def parse_key(root_id: str, cls: type[Any], text: str) -> tuple[Any, ...]:
    """The primary key that the part behind the exclamation mark names. Raises RootError."""
    mapper: Mapper[Any] = inspect(cls)
    parts = text.split(",")
    if len(parts) != len(mapper.primary_key):
        names = ", ".join(column.name for column in mapper.primary_key)
        raise RootError(
            f"root {root_id!r} is malformed: the key of {cls.__name__} has {len(mapper.primary_key)} "
            f"part(s) ({names}), not {len(parts)}"
        )
    key = []
    for column, part in zip(mapper.primary_key, parts, strict=True):
        try:
            sort = column.type.python_type
        except NotImplementedError:
            sort = str
        reader = sort.__getitem__ if issubclass(sort, enum.Enum) else _READERS.get(sort, str)
        try:
            value = reader(unquote(part, errors="strict"))
        except (ValueError, KeyError, ArithmeticError):
            raise RootError(
                f"root {root_id!r} is malformed: {part!r} is no {sort.__name__} for {cls.__name__}."
                f"{column.name}"
            ) from None
        if isinstance(value, str) and "\x00" in value:
            raise RootError(f"root {root_id!r} is malformed: it holds a NUL character")
        key.append(value)
    return tuple(key)
