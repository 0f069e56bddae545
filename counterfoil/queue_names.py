"""What a queue may be called: its name is part of Redis keys, addresses and command lines."""

import re
from typing import Any

QUEUE_NAME = re.compile(r"\w[\w.:/@ +-]{0,99}")


def told_wrong(name: Any) -> str | None:
    """Why this cannot be a queue's name; None when it can."""
    if isinstance(name, str) and QUEUE_NAME.fullmatch(name):
        return None
    return (
        f"queue {name!r} cannot be a queue's name: 1 to 100 letters, digits and _ . : / @ + - or blanks, "
        "a letter or digit first"
    )
