"""How a function or class of the code looks to who calls it, as Markdown made from its source.

Signatures are those of the source, as they are written there, so that they do not depend on the version of
Python that reads it.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

MADE_FOR_YOU = frozenset(("Batch", "Counts", "Inline", "Ran", "RunningTicket", "Schedule", "Standing"))
"""Classes whose objects one is given: their attributes are told, and not how they are made."""
INTERNAL = frozenset(("register", "open", "answer", "conceal"))
"""Methods and attributes that only the product uses."""
WIDTH = 100


def entry(thing: Any) -> str:
    """A heading, the signature, the docstrings; of a class, its public methods or attributes too."""
    lines = [f"### {_name(thing)}\n", f"```python\n{_signature(thing)}\n```\n", doc(thing)]
    if inspect.isclass(thing):
        if "__init__" in vars(thing) and thing.__name__ not in MADE_FOR_YOU:
            lines.append(_doc_of_making(thing))
        if thing.__name__ in MADE_FOR_YOU:
            lines.append(f"Attributes: {', '.join(f'`{each}`' for each in _attributes(thing))}.\n")
        methods = [_method(node) for node in _node(thing).body if _is_told(node)]
        lines += [*methods, "\n"] if methods else []
    return "\n".join(each for each in lines if each)


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", None) or thing.name)


def _node(thing: Any) -> Any:
    thing = getattr(thing, "_fixture_function", thing)  # pytest's wrapping of a fixture
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _signature(thing: Any) -> str:
    node = _node(thing)
    if isinstance(node, ast.FunctionDef):
        return _def(node)
    if node.name in MADE_FOR_YOU:
        return f"class {node.name}"
    made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    if made:
        return _def(made[0], node.name)
    if hasattr(thing, "__dataclass_fields__"):
        told = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
        return _broken(f"{node.name}(", told, ")")
    return f"class {node.name}"


def _def(node: ast.FunctionDef, name: str = "") -> str:
    returned = f" -> {ast.unparse(node.returns)}" if node.returns is not None and not name else ""
    told = list(_arguments(node.args))
    return _broken(
        f"{name or node.name}(", [each for each in told if each not in ("self", "cls")], f"){returned}"
    )


def _arguments(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + [*given.defaults]
    yield from (_argument(each, value) for each, value in zip(plain, defaults, strict=True))
    if given.vararg:
        yield f"*{_argument(given.vararg)}"
    elif given.kwonlyargs:
        yield "*"
    yield from (_argument(*each) for each in zip(given.kwonlyargs, given.kw_defaults, strict=True))
    if given.kwarg:
        yield f"**{_argument(given.kwarg)}"


def _argument(argument: ast.arg, value: ast.expr | None = None) -> str:
    of = f": {ast.unparse(argument.annotation).strip(chr(39))}" if argument.annotation else ""
    return f"{argument.arg}{of}" + (f" = {ast.unparse(value)}" if value else "")


def _broken(head: str, told: list[str], tail: str) -> str:
    whole = head + ", ".join(told) + tail
    return whole if len(whole) <= WIDTH else head + "".join(f"\n    {each}," for each in told) + f"\n{tail}"


def _is_told(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and node.name not in INTERNAL
        and ast.get_docstring(node) is not None
    )


def _method(node: ast.FunctionDef) -> str:
    is_property = any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list)
    told = f".{node.name}" if is_property else f".{' '.join(_def(node).split())}".replace("( ", "(")
    told = told.replace(", )", ")")
    return f"- `{told}`: {line(ast.get_docstring(node))}"


def _attributes(thing: Any) -> Iterator[str]:
    node = _node(thing)
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id
    for each in ast.walk(node):
        is_set = isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        if is_set and not each.attr.startswith("_") and each.attr not in INTERNAL:
            yield each.attr


def _doc_of_making(thing: Any) -> str:
    (made,) = [each for each in _node(thing).body if getattr(each, "name", "") == "__init__"] or [None]
    told = ast.get_docstring(made) if made else None
    return f"{told}\n" if told else ""


def doc(thing: Any) -> str:
    """The docstring, its paragraphs kept."""
    found = inspect.getdoc(thing)
    return f"{found}\n" if found else ""


def line(text: str | None) -> str:
    """A text in one line."""
    return " ".join((text or "").split())
