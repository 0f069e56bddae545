"""What may stand next in the search box: fields, and values that are known; never read from the tickets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from counterfoil.search.fields import FIELDS
from counterfoil.search.tree import quoted
from counterfoil.tables import ErrorGroup, RootClass, TicketParam, ViewModelRecord

from . import known

MOST = 10
_READ = 500
_LAST = re.compile(r"[^\s()]*$")


def completions(connection: Connection, typed: str) -> list[str]:
    """At most ten ways in which what is typed may go on: all of it, with its last word completed."""
    word = _LAST.search(typed)[0]  # type: ignore[index]  # it matches nothing too
    before = typed[: len(typed) - len(word)]
    return [before + found for found in _completed(connection, word) if found != word]


def _completed(connection: Connection, word: str) -> list[str]:
    field, colon, _ = word.partition(":")
    if not colon:
        names = [*FIELDS, *(f"param.{key}" for key in searchable(connection))]
        return _best([f"{name}:" for name in names], word) if word else []
    return _best([f"{field}:{quoted(value)}" for value in _values(connection, field.lower())], word)


def searchable(connection: Connection) -> list[str]:
    """The params that some view model declares searchable, by name."""
    return declared(connection).keys


@dataclass(frozen=True)
class Declared:
    """The params that view models declare searchable, by name; `complete`: every view model was read."""

    keys: list[str]
    complete: bool


def declared(connection: Connection) -> Declared:
    """What may follow `param.` in a search."""
    asked = select(ViewModelRecord.searchable).where(ViewModelRecord.searchable.is_not(None)).limit(_READ)
    found = connection.execute(asked).scalars().all()
    return Declared(sorted({key for keys in found for key in keys or ()}), len(found) < _READ)


def is_noted(connection: Connection, key: str) -> bool:
    """Whether a ticket is found by a param: one that was declared once. Index: counterfoil_params_value."""
    return (
        connection.execute(select(TicketParam.name).where(TicketParam.name == key).limit(1)).first()
        is not None
    )


def _values(connection: Connection, field: str) -> Iterable[str]:
    if field == "queue":
        return known.names(connection).queues()
    if field == "view":
        return known.names(connection).view_models()
    if field == "root":
        names = connection.execute(select(RootClass.name).order_by(RootClass.name).limit(_READ)).scalars()
        return [f"{name}!" for name in names]
    if field == "error":
        latest = select(ErrorGroup.class_name).order_by(ErrorGroup.last_seen_at.desc()).limit(_READ)
        return sorted({name for name in connection.execute(latest).scalars() if name})
    if field == "version":
        seen = select(ViewModelRecord.app_version).distinct().limit(_READ)
        return sorted(version for version in connection.execute(seen).scalars() if version)
    return FIELDS[field].choices if field in FIELDS else ()


def _best(values: Iterable[str], part: str) -> list[str]:
    return [value for value in values if value.lower().startswith(part.lower())][:MOST]
