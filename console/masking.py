"""What must not be read over a shoulder: values under keys that name a secret, also in text (S9)."""

import re
from dataclasses import dataclass
from typing import Any

from counterfoil.params import TAG

MASK = "********"
_KEYS = re.compile(r"password|passwd|secret|token|key|authorization", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"""((?:password|passwd|secret|token|api[_-]?key|authorization)["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"""
    r"""("[^"]*"|'[^']*'|[^\s,;&)\]}"']+)""",
    re.IGNORECASE,
)
_LIST = 100


@dataclass(frozen=True)
class Param:
    """One line of the params' table."""

    name: str
    sort: str
    text: str
    masked: bool = False


def is_secret(name: str) -> bool:
    """Whether what stands under this name is not shown."""
    return bool(_KEYS.search(name))


def masked(value: Any, name: str = "") -> Any:
    """The same JSON value with what stands under a secret's key replaced, however deep."""
    if name and _KEYS.search(name) and value is not None:
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def masked_text(text: str | None) -> str:
    """A text (error, traceback, log line) with `password=...` and the like replaced."""
    return _IN_TEXT.sub(lambda found: found[1] + MASK, text or "")


def params_table(params: Any, reveal: bool = False) -> list[Param]:
    """Stored params as lines: name, type, text; secrets masked unless they are revealed."""
    if not isinstance(params, dict):
        return []
    return [
        Param(str(name), "", MASK, True)
        if not reveal and _KEYS.search(str(name)) and value is not None
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
