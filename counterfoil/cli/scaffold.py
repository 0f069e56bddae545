"""What `counterfoil new view-model` writes: a view model, its factory and its test, which pass as written."""

import keyword
import re
from dataclasses import dataclass
from pathlib import Path

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

_WORK = '''"""{name}: say in a sentence what it is for."""

from counterfoil import RunningTicket, target


@target("{name}.run", queue="default", max_attempts=5, timeout_seconds=300)
def {snake}(ticket: RunningTicket, *, subject: str) -> str:
    """Say in a sentence what it does: the console shows it."""
    ticket.log(f"working on {{subject}}")
    return f"done: {{subject}}"
'''

_FACTORY = '''"""Tickets of {name} as tests need them."""

from typing import Any

from sqlalchemy.orm import Session

from counterfoil import Ticket, open_ticket

from {dot}{snake} import {snake}


def open_{snake}(session: Session, **options: Any) -> Ticket:
    """A ticket of {name}; what is given goes before the defaults."""
    return open_ticket(session, {snake}, **{{"subject": "an example"}} | options)
'''

_TEST = '''"""{name}: its ticket opens, runs and leaves its receipt."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from counterfoil.database import make_engine
from counterfoil.declaration import ParamsDoNotFit
from counterfoil.schema import upgrade
from counterfoil.testing import Inline

from {dot}{snake} import {snake}
from {dot}{snake}_factory import open_{snake}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A database of this test's own; take this out where your tests have a `session` of their own."""
    engine = make_engine(f"sqlite:///{{tmp_path}}/tickets.sqlite3")
    upgrade(engine)
    with Session(engine) as made:
        yield made
    engine.dispose()


def test_it_runs_and_leaves_its_receipt(session: Session, counterfoil_inline: Inline) -> None:
    ticket = open_{snake}(session, subject="the first one")
    counterfoil_inline.assert_opened(view_model={snake}, count=1)
    (ran,) = counterfoil_inline.run_pending()
    assert (ran.verb, ran.error) == ("finish", None)
    assert ticket.receipt == "done: the first one"


def test_params_that_do_not_fit_are_refused_at_the_callers_line(session: Session) -> None:
    with pytest.raises(ParamsDoNotFit, match="colour"):
        open_{snake}(session, colour="red")
'''


class WrongName(ValueError):
    """No view model can bear this name; the text has the cure."""


@dataclass(frozen=True)
class Scaffold:
    """The files for a name, below a folder."""

    name: str
    snake: str
    files: dict[Path, str]


def scaffold(given: str, folder: Path) -> Scaffold:
    """What would be written for CamelCase or snake_case; relative imports in a package. Raises WrongName."""
    words = [word.lower() for part in given.split("_") for word in _WORD.findall(part)]
    snake = "_".join(words)
    name = "".join(word[:1].upper() + word[1:] for word in words)
    if (
        not given.isascii()
        or not given.isidentifier()
        or keyword.iskeyword(snake)
        or not snake.isidentifier()
    ):
        raise WrongName(
            f"{given!r} cannot name a view model and its module: write letters, for example WelcomeMail"
        )
    names = {"name": name, "snake": snake, "dot": "." if (folder / "__init__.py").exists() else ""}
    texts = {f"{snake}.py": _WORK, f"{snake}_factory.py": _FACTORY, f"test_{snake}.py": _TEST}
    return Scaffold(name, snake, {folder / file: text.format(**names) for file, text in texts.items()})
