"""Editing the params of a ticket that is retried: values as text, whose types survive.

A param keeps its type: text that does not fit is refused, by the param's name. Names stay as they are: an
edit can neither add nor lose one. Lists, dicts and enums are written as the JSON that is stored.
"""

import json
import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from .params import MAX_BYTES, TAG, ParamsCannotBeRead, ParamsCannotBeStored, decode, encode


class EditUnfit(ValueError):
    """Values that do not fit; `complaints`: param -> what would."""

    def __init__(self, complaints: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {told}" for name, told in complaints.items()))
        self.complaints = complaints


def text_of(stored: Any) -> str:
    """A stored value as the text that a person edits; `edited` reads the same text back as the same value."""
    if isinstance(stored, str):
        return stored
    if isinstance(stored, dict) and stored.get(TAG) in (*_TAGGED, "float"):
        return str(stored.get("v", ""))
    return json.dumps(stored, ensure_ascii=False)


def sort_of(stored: Any) -> str:
    """The type's name: text, int, float, bool, none, list, dict, decimal, date, datetime, uuid, enum."""
    if isinstance(stored, dict) and TAG in stored:
        return str(stored[TAG])
    return {"str": "text", "NoneType": "none"}.get(type(stored).__name__, type(stored).__name__)


def edited(stored: Any, given: dict[str, str]) -> dict[str, Any]:
    """The stored params with those given as text changed. Raises EditUnfit: a name or value does not fit."""
    params = dict(stored or {})
    complaints: dict[str, str] = {}
    for name, text in given.items():
        if name not in params:
            complaints[name] = "there is no such param"
            continue
        if text == text_of(params[name]):
            continue
        try:
            params[name] = _read(params[name], text)
        except (ValueError, KeyError, ArithmeticError, RecursionError):
            complaints[name] = f"{text[:40]!r} does not fit: {_CURES[_cure(params[name])]}"
    if not complaints and len(json.dumps(params, ensure_ascii=False).encode()) > MAX_BYTES:
        complaints = dict.fromkeys(given, f"params take more than {MAX_BYTES} bytes")
    if complaints:
        raise EditUnfit(complaints)
    return params


def _read(before: Any, text: str) -> Any:
    text.encode()
    if "\x00" in text:
        raise ValueError("a zero character")
    sort = sort_of(before)
    if sort in _PLAIN:
        return _PLAIN[sort](text)
    if sort in _TAGGED:
        _TAGGED[sort](text.strip())
        return {TAG: sort, "v": text.strip(), **_rest(before)}
    made = json.loads(text)
    if sort_of(made) != sort:
        raise ValueError(sort)
    if sort == "enum":
        if made.get("class") != before.get("class") or not isinstance(made.get("v"), str):
            raise ValueError("enum")
        return made
    return _storable(made)


def _storable(made: Any) -> Any:
    """A list or dict that this version reads back; its enums keep their words."""
    try:
        encode(decode({"value": made}))
    except ParamsCannotBeRead:
        if f'"{TAG}": "enum"' not in json.dumps(made):
            raise ValueError("tags") from None
    except ParamsCannotBeStored as error:
        raise ValueError(str(error)) from None
    return made


def _rest(before: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in before.items() if name not in (TAG, "v")}


def _float(text: str) -> Any:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return encode({"value": number})["value"]


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]


def _none(text: str) -> Any:
    if text.strip() not in ("", "null"):
        raise ValueError("none")


def _decimal(text: str) -> None:
    if not Decimal(text).is_finite():
        raise ValueError(text)


def _datetime(text: str) -> None:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(text)


_PLAIN: dict[str, Callable[[str], Any]] = {
    "text": str, "int": int, "bool": _bool, "none": _none, "float": _float,
}  # fmt: skip
_TAGGED: dict[str, Callable[[str], object]] = {
    "decimal": _decimal, "datetime": _datetime, "date": date.fromisoformat, "uuid": UUID,
}  # fmt: skip
_CURES = {
    "text": "text without a zero character",
    "int": "a whole number, such as 42",
    "float": "a finite number, such as 1.5",
    "bool": "true or false",
    "none": "it has no value, so its type is not known: leave it empty",
    "decimal": "a decimal number, such as 1.50",
    "date": "a date, such as 2026-12-31",
    "datetime": "a time with its zone, such as 2026-12-31T18:00:00+01:00",
    "uuid": "a UUID",
    "enum": 'the same enum with another member: {"$": "enum", "v": "MEMBER", "class": "..."}',
    "list": "a JSON list, such as [1, 2]",
    "dict": 'a JSON object, such as {"name": 1}',
}


def _cure(before: Any) -> str:
    sort = sort_of(before)
    return sort if sort in _CURES else "dict"
