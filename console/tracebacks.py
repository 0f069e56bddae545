"""A traceback as an operator reads it: the application's own frames first, all on request."""

import re
from dataclasses import dataclass

_FRAME = re.compile(r'^  File "([^"]*)", line \d+')
_OTHERS = (
    "site-packages",
    "dist-packages",
    "/lib/python3",
    "/counterfoil/",
    "/worker/",
    "<frozen",
    "importlib",
)


@dataclass(frozen=True)
class Parts:
    """`own` is the text without others' frames; `hidden` is how many it lacks."""

    own: str
    whole: str
    hidden: int


def parts(text: str) -> Parts:
    """Split it. A traceback of others' frames only is shown whole."""
    kept, hidden, own_frames, keeping = [], 0, 0, True
    for line in text.splitlines():
        if found := _FRAME.match(line):
            keeping = not any(part in found[1] for part in _OTHERS)
            own_frames += keeping
            hidden += not keeping
        elif not line.startswith("    "):
            keeping = True
        if keeping:
            kept.append(line)
    if not own_frames:
        return Parts(text, text, 0)
    return Parts("\n".join(kept), text, hidden)
