"""Params of a ticket: typed values to JSON and back, exactly.

Text, whole numbers, plain floats, booleans, None, lists and dicts with text keys are themselves, so that
plain SQL in any language can write and read them. What JSON has no word for is tagged:
`{"$": "decimal", "v": "1.50"}`. Anything else is refused in the caller, before it reaches the database.
"""

import enum
import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MAX_DEPTH = 100
MAX_BYTES = 64 * 1024
TAG = "$"


class ParamsCannotBeStored(ValueError):
    """A param that no ticket can hold; the text names it and the cure."""

    without_value: str | None = None
    """The same text without the value, for params that are to be encrypted."""


class ParamsCannotBeRead(ValueError):
    """Stored params that this process cannot turn back into values; error kind resolve."""


def encode(params: dict[str, Any]) -> dict[str, Any]:
    """Params as JSON values. Raises ParamsCannotBeStored, naming the param."""
    if type(params) is not dict:
        raise ParamsCannotBeStored(f"params must be a dict of keyword arguments, not {_sort(params)}")
    made = {_key(key, "params"): _encode(value, str(key), 1) for key, value in params.items()}
    try:
        size = len(json.dumps(made, ensure_ascii=False).encode())
    except ValueError as error:  # an int of more than 4300 digits
        raise ParamsCannotBeStored(f"params cannot be written as JSON: {error}") from None
    if size > MAX_BYTES:
        raise ParamsCannotBeStored(
            f"params take {size} bytes, at most {MAX_BYTES} are stored: keep large data in a table of yours "
            "and give its key"
        )
    return made


def decode(stored: Any, enums: Iterable[type[enum.Enum]] = ()) -> dict[str, Any]:
    """The keyword arguments of stored params; `enums` are the classes that an enum tag may mean.

    Raises ParamsCannotBeRead. Text is never imported: an enum that is not among `enums` is refused.
    """
    if stored is None:
        return {}
    if not isinstance(stored, dict):
        raise ParamsCannotBeRead(f"params must be a JSON object of names to values, not {_sort(stored)}")
    known = {cls.__qualname__: cls for cls in enums}
    return {key: _decode(value, key, known) for key, value in stored.items()}


def enums_in(values: Any) -> set[type[enum.Enum]]:
    """The enum classes whose members occur in these values."""
    if isinstance(values, enum.Enum):
        return {type(values)}
    inside = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return set().union(*(enums_in(value) for value in inside))


def _sort(value: Any) -> str:
    return type(value).__name__


def _refuse(where: str, what: str, cure: str) -> ParamsCannotBeStored:
    refused = ParamsCannotBeStored(f"param {where}: {what} cannot be stored; {cure}")
    refused.without_value = f"param {where.split('[')[0]}: its value cannot be stored; {cure}"
    return refused


def _text(value: str, where: str) -> str:
    if "\x00" in value:
        raise _refuse(where, "text with a NUL character", "remove it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _refuse(where, "text with a lone surrogate", "decode it with errors='replace'") from None
    return value


def _key(key: Any, where: str) -> str:
    if type(key) is not str:
        raise _refuse(where, f"the key {key!r} ({_sort(key)})", "keys must be str")
    return _text(key, where)


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {TAG: tag, "v": value}


def _encode(value: Any, where: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _refuse(where.split("[")[0], f"a value nested deeper than {MAX_DEPTH}", "flatten it")
    if isinstance(value, enum.Enum):
        return _encode_enum(value, where)
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise _refuse(where, f"{_short(value)} ({_sort(value)})", _cure(value))
    return encoder(value, where, depth)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        text = object.__repr__(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _cure(value: Any) -> str:
    for sort, cure in (
        (bytes | bytearray | memoryview, "encode it as text, for example base64"),
        (tuple | set | frozenset, "use a list"),
        (complex, "give its parts"),
        (str, "convert it by str()"),
        (int, "convert it by int()"),
        (float, "convert it by float()"),
        (list | dict, "convert it to a plain list or dict"),
    ):
        if isinstance(value, sort):
            return cure
    if hasattr(value, "total_seconds"):
        return "give its seconds as a number"
    if hasattr(type(value), "__mapper__"):
        return "give root=, or its key"
    return "use str, int, float, Decimal, bool, None, date, aware datetime, UUID, enum, list or dict"


def _encode_float(value: float, where: str, depth: int) -> Any:
    if not math.isfinite(value):
        raise _refuse(where, repr(value), "only finite numbers can be stored, or None")
    # JSONB keeps numbers as decimals: 1e300 would come back as an int, -0.0 without its sign.
    plain = "e" not in repr(value) and not (value == 0 and math.copysign(1, value) < 0)
    return value if plain else _tagged("float", repr(value))


def _encode_decimal(value: Decimal, where: str, depth: int) -> Any:
    if not value.is_finite():
        raise _refuse(where, repr(value), "only finite numbers can be stored, or None")
    return _tagged("decimal", str(value))


def _encode_datetime(value: datetime, where: str, depth: int) -> Any:
    if value.utcoffset() is None:
        raise _refuse(
            where, f"the naive datetime {value}", "give it a zone, for example value.replace(tzinfo=UTC)"
        )
    tagged = _tagged("datetime", value.isoformat())
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key:
        tagged["zone"] = value.tzinfo.key
    return tagged


def _encode_enum(value: enum.Enum, where: str) -> Any:
    if value.name is None or type(value).__members__.get(value.name) is not value:
        raise _refuse(where, repr(value), "use a single member, or a list of members")
    return _tagged("enum", value.name) | {"class": type(value).__qualname__}


def _encode_list(value: list[Any], where: str, depth: int) -> Any:
    return [_encode(item, f"{where}[{n}]", depth + 1) for n, item in enumerate(value)]


def _encode_dict(value: dict[Any, Any], where: str, depth: int) -> Any:
    made = {_key(key, where): _encode(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    return _tagged("dict", list(map(list, made.items()))) if TAG in made else made


_ENCODERS: dict[type, Callable[[Any, str, int], Any]] = {
    str: lambda value, where, depth: _text(value, where),
    int: lambda value, where, depth: value,
    bool: lambda value, where, depth: value,
    type(None): lambda value, where, depth: None,
    float: _encode_float,
    Decimal: _encode_decimal,
    datetime: _encode_datetime,
    date: lambda value, where, depth: _tagged("date", value.isoformat()),
    UUID: lambda value, where, depth: _tagged("uuid", str(value)),
    list: _encode_list,
    dict: _encode_dict,
}


def _decode_datetime(tagged: dict[str, Any]) -> datetime:
    value = datetime.fromisoformat(tagged["v"])
    if value.tzinfo is None:
        raise ValueError("naive")
    if "zone" in tagged:
        try:
            return value.astimezone(UTC).astimezone(ZoneInfo(tagged["zone"]))
        except (ZoneInfoNotFoundError, OverflowError):
            return value  # the same instant, by its offset
    return value


_DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "float": lambda tagged: float(tagged["v"]),
    "decimal": lambda tagged: Decimal(tagged["v"]),
    "datetime": _decode_datetime,
    "date": lambda tagged: date.fromisoformat(tagged["v"]),
    "uuid": lambda tagged: UUID(tagged["v"]),
}


def _decode(value: Any, where: str, known: dict[str, type[enum.Enum]]) -> Any:
    if isinstance(value, list):
        return [_decode(item, where, known) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: _decode(item, where, known) for key, item in value.items()}
    tag = value[TAG]
    try:
        if tag == "dict":
            return {key: _decode(item, where, known) for key, item in value["v"]}
        if tag == "enum":
            return known[value["class"]][value["v"]]
        return _DECODERS[tag](value)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise ParamsCannotBeRead(
            f"param {where}: {_short(value)} means nothing here"
            + (
                "; annotate the parameter with its enum class, which must have that member"
                if tag == "enum"
                else ""
            )
        ) from None
