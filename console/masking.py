"""What must not be read over a shoulder: values under keys that name a secret, also in text (S9)."""

from dataclasses import dataclass
from typing import Any

from counterfoil.masking import MASK, is_secret, masked, masked_text
from counterfoil.params import TAG

__all__ = ["MASK", "Param", "is_secret", "masked", "masked_text", "params_table"]

_LIST = 100


@dataclass(frozen=True)
class Param:
    """One line of the params' table."""

    name: str
    sort: str
    text: str
    masked: bool = False


def params_table(params: Any, reveal: bool = False) -> list[Param]:
    """Stored params as lines: name, type, text; secrets masked unless they are revealed."""
    if not isinstance(params, dict):
        return []
    return [
        Param(str(name), "", MASK, True)
        if not reveal and is_secret(str(name)) and value is not None
        else Param(str(name), *_told(value if reveal else masked(value)))
        for name, value in params.items()
    ]


def _told(value: Any) -> tuple[str, str]:
    if isinstance(value, dict) and TAG in value:
        return str(value[TAG]), str(value.get("v", value))
    if value is None:
        return "none", "None"
    sort = {"str": "text", "int": "integer", "float": "float", "bool": "boolean"}.get(type(value).__name__)
    return (sort, str(value)) if sort else (type(value).__name__, _short(value))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LIST * 40 else text[: _LIST * 40] + "…"
