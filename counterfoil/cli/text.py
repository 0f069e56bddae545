"""Text of tickets on a terminal: one line, without control characters."""

import re
from collections.abc import Mapping
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def without_params(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of the trail without the params of an edit: they may hold what a terminal must not keep."""
    told = {str(name): value for name, value in row.items()}
    for side in ("before", "after"):
        if "params" in (told[side] or {}):
            told[side] = told[side] | {"params": "(not shown)"}
    return told


def plain(value: object, limit: int = 200) -> str:
    """One bounded line, whatever a ticket's text holds."""
    line = _CONTROL.sub(" ", "" if value is None else str(value)).strip()
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
