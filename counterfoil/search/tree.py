"""A search as data: terms under and, or, not. `written` is its canonical text, which reads back the same."""

import re
from dataclasses import dataclass
from dataclasses import field as made

_PLAIN = re.compile(r'[^\s()"]+')
_LOOKS_LIKE_A_FIELD = re.compile(r"[A-Za-z_][\w.]*:", re.ASCII)
_WORDS = ("and", "or", "not")


@dataclass(frozen=True)
class Term:
    """One condition; `field` "" is free text. `op` is "" but for a comparison: <, <=, >, >=.

    `key` is the param's name of a `param.` term. `start` and `end`: where it stood in what was typed.
    """

    field: str
    value: str
    op: str = ""
    key: str = ""
    start: int = made(default=0, compare=False)
    end: int = made(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """What the part does not fulfil."""

    part: "Node"


@dataclass(frozen=True)
class And:
    """What fulfils all parts."""

    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """What fulfils one of the parts."""

    parts: tuple["Node", ...]


Node = Term | Not | And | Or


def terms(node: Node) -> list[Term]:
    """Every term of a search, from left to right."""
    if isinstance(node, Term):
        return [node]
    parts = (node.part,) if isinstance(node, Not) else node.parts
    return [term for part in parts for term in terms(part)]


def written(node: Node) -> str:
    """The canonical text."""
    if isinstance(node, Term):
        if not node.field:
            return quoted(node.value, bare=True)
        name = f"param.{node.key}" if node.field == "param" else node.field
        return f"{name}:{node.op}{quoted(node.value)}"
    if isinstance(node, Not):
        return f"not {_inside(node.part)}"
    if isinstance(node, And):
        return " ".join(
            f"({written(part)})" if isinstance(part, Or) else written(part) for part in node.parts
        )
    return " or ".join(written(part) for part in node.parts)


def quoted(value: str, bare: bool = False) -> str:
    """The value as a search says it: in quotes where it would be read as something else."""
    plain = _PLAIN.fullmatch(value) is not None and value[0] not in "<>="
    if bare:
        plain = plain and value.lower() not in _WORDS and not _LOOKS_LIKE_A_FIELD.match(value)
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _inside(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, And | Or) else written(node)
