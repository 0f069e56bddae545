"""The words of a search, each with the place where it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .complaint import SearchError

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"([A-Za-z_]\w*)(?:\.([^\s:()\"<>=]*))?:", re.ASCII)
_OPERATOR = re.compile(r"<=|>=|<|>|=")
_BARE = re.compile(r'[^\s()"]+')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_KEYWORDS = ("and", "or", "not")


@dataclass(frozen=True)
class Token:
    """`kind`: and, or, not, (, ), term, end. A term has a field ("": text), a key, an operator, a value."""

    kind: str
    start: int
    end: int
    field: str = ""
    key: str | None = None
    op: str = ""
    value: str = ""


def tokens(text: str) -> Iterator[Token]:
    """The words of a search, and `end`. Raises SearchError."""
    at = _after_space(text, 0)
    while at < len(text):
        token = _one(text, at)
        yield token
        at = _after_space(text, token.end)
    yield Token("end", len(text), len(text))


def _one(text: str, at: int) -> Token:
    if text[at] in "()":
        return Token(text[at], at, at + 1)
    if found := _FIELD.match(text, at):
        op = _OPERATOR.match(text, found.end())
        value, end = _value(text, op.end() if op else found.end())
        if not value:
            name = found[0].removesuffix(":")
            raise SearchError(text, at, end, f"{name} has no value: write {name}: and what to look for")
        sign = op[0] if op and op[0] != "=" else ""
        return Token("term", at, end, found[1].lower(), found[2], sign, value)
    value, end = _value(text, at)
    if text[at] != '"' and value.lower() in _KEYWORDS:
        return Token(value.lower(), at, end)
    if not value.strip():
        raise SearchError(text, at, end, "empty quotes match nothing: write the text between them")
    return Token("term", at, end, value=value)


def _value(text: str, at: int) -> tuple[str, int]:
    """A value in quotes or bare, and where it ends."""
    if text.startswith('"', at):
        whole = _QUOTED.match(text, at)
        if whole is None:
            raise SearchError(
                text,
                at,
                len(text),
                'this quote is not closed: add a " at its end, or write \\" inside quotes',
            )
        return _ESCAPED.sub(r"\1", whole[1]), whole.end()
    bare = _BARE.match(text, at)
    return (bare[0], bare.end()) if bare else ("", at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
