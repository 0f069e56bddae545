"""Encrypted values in texts that are not encrypted: errors, tracebacks, log lines, receipts.

Work may put a param into an exception's message. What is stored of an encrypted ticket's attempt therefore
has every text, number and identifier of its params replaced. What the work derives from them (a part, a
hash, another spelling) cannot be known here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.exc import StatementError

CONCEALED = "********"
SHORTEST = 4

Conceal = Callable[[str], str]


def plainly(text: str) -> str:
    """Conceals nothing."""
    return text


def concealer(params: dict[str, Any]) -> Conceal:
    """Replaces the values of these params, where they have at least four characters."""
    found = {spelt for leaf in _leaves(params) for spelt in _spellings(leaf) if len(spelt) >= SHORTEST}
    secret = sorted(found, key=len, reverse=True)

    def conceal(text: str) -> str:
        for each in secret:
            text = text.replace(each, CONCEALED)
        return text

    return conceal


def concealed(value: Any, conceal: Conceal) -> Any:
    """A receipt's value with its texts concealed; what is no text, list or dict is told as text."""
    if isinstance(value, dict):
        return {conceal(str(key)): concealed(inner, conceal) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [concealed(inner, conceal) for inner in value]
    if isinstance(value, str):
        return conceal(value)
    told = str(value)
    return value if conceal(told) == told else conceal(told)


def hide_bound_values(error: BaseException | None) -> None:
    """Keep SQLAlchemy's errors in this chain from telling bound values, which it would cut in the middle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, StatementError):
            error.hide_parameters = True
        error = error.__cause__ or error.__context__


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield value


def _spellings(leaf: Any) -> Iterator[str]:
    told = str(leaf)
    yield told
    yield repr(told)[1:-1]  # as a KeyError or a list tells it
