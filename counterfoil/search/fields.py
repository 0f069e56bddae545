"""The fields that a search knows: what a value may be, and what is said of one that makes no sense."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..keyset import MAX_ID
from ..priority import PRIORITIES
from ..tabs import TABS
from ..ticket import ERROR_KINDS, STATES

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"([0-9]{1,4})([smhdw])", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
VIEWS = tuple(name for name in TABS if name not in ("all", "expiring", "leaving"))
"""Tabs that need no window of time to be told."""


@dataclass(frozen=True)
class Field:
    """`cure` says of a value that is none what would be one; `read` makes it canonical, or None."""

    read: Callable[[str], str | None]
    cure: str = ""
    compares: bool = False
    must_compare: bool = False
    choices: tuple[str, ...] = ()


def _one_of(choices: tuple[str, ...]) -> Field:
    def read(value: str) -> str | None:
        return value.lower() if value.lower() in choices else None

    return Field(read, f"one of {', '.join(choices)}", choices=choices)


def _any(value: str) -> str:
    return value


def _number(value: str) -> str | None:
    return str(int(value)) if value.isascii() and value.isdigit() and int(value[:20]) <= MAX_ID else None


def _small(value: str) -> str | None:
    return _number(value) if len(value) < 6 else None


def _priority(value: str) -> str | None:
    if value.lower() in PRIORITIES:
        return value.lower()
    return next((name for name, number in PRIORITIES.items() if str(number) == value), None)


def _age(value: str) -> str | None:
    return value.lower() if _AGE.fullmatch(value.lower()) else None


FIELDS: dict[str, Field] = {
    "state": _one_of(STATES),
    "tab": _one_of(VIEWS),
    "queue": Field(_any),
    "view": Field(_any),
    "root": Field(_any),
    "label": Field(_any),
    "error": Field(_any),
    "kind": _one_of(ERROR_KINDS),
    "batch": Field(_number, "the batch's number, for example batch:7"),
    "priority": Field(_priority, f"one of {', '.join(PRIORITIES)}", compares=True, choices=tuple(PRIORITIES)),
    "attempts": Field(_small, "a number, for example attempts:>2", compares=True),
    "age": Field(_age, "a time in s, m, h, d or w, for example age:<2h", compares=True, must_compare=True),
    "kept": _one_of(("yes", "no")),
    "staged": _one_of(("yes", "no")),
    "opened_by": Field(_any),
    "version": Field(_any),
}
"""Name -> what it takes. `param.<name>` is the other one."""


def checked(name: str, value: str, op: str) -> tuple[str | None, str]:
    """The canonical value, else None and what to write instead."""
    if name == "param":
        return (None, "a param is equal or not: leave the sign out") if op else (value, "")
    field = FIELDS[name]
    if op and not field.compares:
        return None, f"{name} takes no {op}: write {name}: and the value (in quotes if it begins so)"
    found = field.read(value)
    if found is None:
        return None, f"{value[:40]!r} is no {name}: it is {field.cure}"
    if field.must_compare and not op:
        return None, f"say {name}:<{found} (less) or {name}:>{found} (more)"
    return found, ""


def is_key(name: str | None) -> bool:
    """Whether it can be the name of a searchable param."""
    return name is not None and _KEY.fullmatch(name) is not None


def duration(age: str) -> timedelta:
    """The time that an age's value means."""
    number, unit = int(age[:-1]), age[-1]
    return timedelta(**{_UNITS[unit]: number})
