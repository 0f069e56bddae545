"""Facets that are words of the search: what their menus say goes into it, and comes out of it again.

The list, its saved searches and its operations know the search alone; an address may name the menus.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from counterfoil.filters import FilterError, TicketFilter
from counterfoil.search.grammar import parse
from counterfoil.search.tree import And, Node, Term, written

from .strings import N_, gettext

NAMES = ("class", "age", "outcome")
"""The menus' fields in an address."""

AGES = {
    "1h": N_("opened in the last hour"),
    "1d": N_("opened in the last day"),
    "1w": N_("opened in the last week"),
}
_FIRST, _LATER = "state:done attempts:<2", "state:done attempts:>1"
OUTCOMES = {
    "first": (_FIRST, N_("done at the first attempt")),
    "later": (_LATER, N_("done at a later attempt")),
    "run": ("kind:run", N_("the work failed")),
    "precondition": ("kind:precondition", N_("precondition not met")),
    "timeout": ("kind:timeout", N_("took too long")),
    "lost": ("kind:lost", N_("worker lost")),
    "stopped": ("kind:stopped", N_("stopped by an operator")),
    "resolve": ("kind:resolve", N_("cannot be resolved")),
    "expired": ("kind:expired", N_("deadline passed")),
}
_LONGEST_CLASS = 200


@dataclass(frozen=True)
class Facets:
    """A search taken apart: what its menus say (by `NAMES`), and what is left for the box."""

    chosen: dict[str, str]
    rest: str


def fold(wanted: TicketFilter, pairs: Iterable[tuple[str, str]]) -> TicketFilter:
    """The filter with what the menus of an address say in its search. Raises FilterError."""
    parts = list(_parts(wanted.search))
    before, seen = len(parts), set()
    for name, value in pairs:
        value = value.strip()
        if name in NAMES and name in seen:
            raise FilterError(name, value, "given twice; name it once")
        if name in NAMES and value:
            seen.add(name)
            parts += [part for part in _words(name, value) if part not in parts]
    if len(parts) == before:
        return wanted
    return replace(wanted, q=written(parse(written(And(tuple(parts))))))


def taken_apart(wanted: TicketFilter) -> Facets:
    """What the menus and the box show of a filter's search."""
    left = list(_parts(wanted.search))
    chosen: dict[str, str] = {}
    classes = [part for part in left if isinstance(part, Term) and _is_class(part)]
    if classes:
        chosen["class"] = classes[0].value
        left.remove(classes[0])
    for name, values in (("age", AGES), ("outcome", OUTCOMES)):
        for value in values:
            words = _words(name, value)
            if all(word in left for word in words):
                chosen[name] = value
                left = [part for part in left if part not in words]
                break
    return Facets(chosen, written(And(tuple(left))))


def choices(name: str) -> list[tuple[str, str]]:
    """The values of a menu that are always the same, each with its word."""
    if name == "age":
        return [(value, gettext(word)) for value, word in AGES.items()]
    return [(value, gettext(word)) for value, (_, word) in OUTCOMES.items()]


def _parts(node: Node | None) -> tuple[Node, ...]:
    if node is None:
        return ()
    return node.parts if isinstance(node, And) else (node,)


def _words(name: str, value: str) -> tuple[Node, ...]:
    """What a menu's value means in the search. Raises FilterError."""
    if name == "class":
        if "!" in value or "\x00" in value or len(value) > _LONGEST_CLASS:
            raise FilterError(name, value, "the name of a root's class, for example Customer")
        return (Term("root", value),)
    known = AGES if name == "age" else OUTCOMES
    if value not in known:
        raise FilterError(name, value, f"one of {', '.join(known)}")
    return (Term("age", value, "<"),) if name == "age" else _parts(parse(OUTCOMES[value][0]))


def _is_class(term: Term) -> bool:
    return term.field == "root" and not term.op and "!" not in term.value
