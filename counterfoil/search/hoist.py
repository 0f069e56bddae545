"""What of a search bounds an index: a state, a root, a batch, a view model that every ticket must have."""

from dataclasses import dataclass, field

from .tree import And, Node, Term

_BY = ("tab", "state", "root", "batch", "view")


@dataclass(frozen=True)
class Hoisted:
    """Values by field, and what is left of the search besides them."""

    values: dict[str, str] = field(default_factory=dict)
    rest: Node | None = None


def hoist(node: Node | None, taken: frozenset[str]) -> Hoisted:
    """Take out one term of each field that the filter does not set already (`taken`)."""
    if node is None:
        return Hoisted()
    parts = node.parts if isinstance(node, And) else (node,)
    values: dict[str, str] = {}
    rest = []
    for part in parts:
        if isinstance(part, Term) and _may(part, taken | values.keys()):
            values[part.field] = part.value
        else:
            rest.append(part)
    return Hoisted(values, And(tuple(rest)) if len(rest) > 1 else rest[0] if rest else None)


def _may(term: Term, taken: frozenset[str] | set[str]) -> bool:
    if term.field not in _BY or term.field in taken or term.op:
        return False
    if term.field in ("tab", "state"):  # both are the one tab
        return "tab" not in taken and "state" not in taken
    return term.field != "root" or "!" in term.value
