"""What the signature of a view model's callables says about the types of its params."""

import enum
import inspect
import typing
from functools import cache
from typing import Any

from .declaration import Declaration


def enums_of(declaration: Declaration) -> set[type[enum.Enum]]:
    """The enum classes that the annotations of a view model's parameters name, however deep.

    A stored enum is resolved among these and nowhere else: ticket text is never imported.
    """
    return set().union(*map(_enums_of, declaration.callables))


@cache
def _enums_of(call: Any) -> frozenset[type[enum.Enum]]:
    """Asked for each ticket that runs."""
    return frozenset().union(*map(_enums_in, _annotations(call)))


def _annotations(call: Any) -> list[Any]:
    try:
        return list(typing.get_type_hints(call).values())
    except Exception:  # a name that exists for the type checker only
        return [p.annotation for p in inspect.signature(call).parameters.values()]


def _enums_in(note: Any) -> set[type[enum.Enum]]:
    if isinstance(note, type) and issubclass(note, enum.Enum):
        return {note}
    return set().union(*(_enums_in(part) for part in typing.get_args(note)))
