"""Text of tickets on a terminal: one line, without control characters."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def plain(value: object, limit: int = 200) -> str:
    """One bounded line, whatever a ticket's text holds."""
    line = _CONTROL.sub(" ", "" if value is None else str(value)).strip()
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
