"""The page for those who come from elsewhere names nothing of ours that does not exist."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import click
import pytest

import counterfoil
from counterfoil.base import Base
from counterfoil.cli import main
from counterfoil.declaration import DECLARED, OPTION_NAMES
from counterfoil.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "coming-from.md").read_text()
DECLARING = frozenset(("method", "target", "processor", "ViewModel", "Background", "Delay"))
OPENING = frozenset(("collect", "open_ticket"))


def ours() -> list[str]:
    """The code spans of each table's middle column."""
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {3}, "a row has not three cells"
    return [span for row in rows for span in re.findall(r"`([^`]+)`", row[1])]


def named(dotted: str) -> Any:
    """What a name of the package stands for. Raises AttributeError, ImportError."""
    if dotted.startswith("counterfoil."):
        module, _, last = dotted.rpartition(".")
        return getattr(importlib.import_module(module), last)
    first, *rest = dotted.split(".")
    assert first in counterfoil.__all__, f"counterfoil exports no {first}"
    found = getattr(counterfoil, first)
    for part in rest:
        found = getattr(found, part)
    return found


def check_call(call: str) -> None:
    """Every argument that a call names is one that it takes."""
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    callee = named(ast.unparse(node.func))
    taken = set(inspect.signature(callee).parameters)
    taken |= DECLARED if callee.__name__ in DECLARING else set()
    taken |= OPTION_NAMES if callee.__name__ in OPENING else set()
    assert {each.arg for each in node.keywords} <= taken


def check_command(line: str) -> None:
    """Every word is a command below the one before, every option one of the last."""
    command: click.Command = main
    for word in line.split()[1:]:
        if word.startswith("--"):
            assert word in {name for option in command.params for name in option.opts}, word
        else:
            assert isinstance(command, click.Group), f"{line}: {command.name} has no commands"
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"there is no command {line!r}"
            command = found


def check(span: str) -> None:
    """Raises unless this exists."""
    if span.startswith("counterfoil "):
        check_command(span)
    elif span.startswith("counterfoil_"):
        assert span in Base.metadata.tables
    elif span.isupper():
        assert span.removeprefix("COUNTERFOIL_").lower() in Settings.model_fields
    elif "(" in span:
        check_call(span.removeprefix("@"))
    elif span not in DECLARED | OPTION_NAMES and span not in counterfoil.Ticket.__table__.columns:
        named(span.removeprefix("@"))


@pytest.mark.parametrize("span", sorted(set(ours())))
def test_what_stands_as_ours_exists(span: str) -> None:
    check(span)


@pytest.mark.parametrize(
    "span",
    [
        *("Tickets", "execute_soonest", "@task", "RunningTicket.sleep", "Delay(until=..., sooner=...)"),
        *("COUNTERFOIL_NOTHING", "counterfoil_packages"),
        *("counterfoil queues halt", "counterfoil worker --threads"),
    ],
)
def test_what_does_not_exist_is_found_out(span: str) -> None:
    with pytest.raises((AssertionError, AttributeError)):
        check(span)


def test_its_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z -]", "", line.lower()) for line in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        if link.startswith("#"):
            assert link[1:] in {heading.replace(" ", "-") for heading in headings}, link
        else:
            assert (DOCS / link).exists(), link
