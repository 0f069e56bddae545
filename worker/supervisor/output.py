"""The children's lines on one terminal: a prefix for each, in colour where there is a terminal."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 95)  # SGR codes, one per child in turn
RED = 31
LONGEST_LINE = 32_768


def wants_colour(stream: TextIO) -> bool:
    """Only a terminal, and not when NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Output:
    """Writes lines as `name | line`; with `as_json` children's lines as they are and own ones as JSON."""

    def __init__(self, names: list[str], stream: TextIO | None = None, as_json: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._json = as_json
        self._width = max(map(len, [*names, "counterfoil"]))
        self._colour = wants_colour(self._stream)
        self._colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
        self.closed = False

    def line(self, name: str, text: str) -> None:
        """A line of a child."""
        self._write(text if self._json else f"{self._prefix(name)} {text}")

    def say(self, text: str, warning: bool = False) -> None:
        """A line of the supervisor's own."""
        if self._json:
            now = datetime.now(UTC).isoformat()
            level = "warning" if warning else "info"
            told = {"event": text, "level": level, "timestamp": now, "process": "supervisor"}
            self._write(json.dumps(told))
        else:
            told_text = f"\x1b[{RED}m{text}\x1b[0m" if warning and self._colour else text
            self._write(f"{self._prefix('counterfoil')} {told_text}")

    def plain(self, text: str) -> None:
        """A line without a prefix (an address to copy); in JSON mode a line of its own."""
        self.say(text) if self._json else self._write(text)

    def _prefix(self, name: str) -> str:
        padded = f"{name:<{self._width}} |"
        code = self._colours.get(name, 1)
        return f"\x1b[{code}m{padded}\x1b[0m" if self._colour else padded

    def _write(self, text: str) -> None:
        if self.closed:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # the reader went away (`| head`): the children go on
            self.closed = True
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - else the interpreter complains at its end


class Lines:
    """Bytes from a pipe in, whole lines out; a line without an end is cut at a bound."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole]

    def end(self) -> list[str]:
        """What was left without a line's end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []
