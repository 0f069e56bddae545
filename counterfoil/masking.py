"""Which names mean a secret, and what is shown and kept in the place of its value (S9)."""

import re
from typing import Any

MASK = "********"
KEYS = re.compile(r"password|passwd|secret|token|key|authorization", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"""((?:password|passwd|secret|token|api[_-]?key|authorization)["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"""
    r"""("[^"]*"|'[^']*'|[^\s,;&)\]}"']+)""",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether what stands under this name is not shown."""
    return bool(KEYS.search(name))


def masked(value: Any, name: str = "") -> Any:
    """The same JSON value with what stands under a secret's key replaced, however deep."""
    if name and KEYS.search(name) and value is not None:
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def masked_text(text: str | None) -> str:
    """A text (error, traceback, log line) with `password=...` and the like replaced."""
    return _IN_TEXT.sub(lambda found: found[1] + MASK, text or "")
