"""The commands of the how-to page about operations, run as they are printed."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from counterfoil import operations
from counterfoil.cli import main
from counterfoil.tables import TrailEntry
from tests.console.tickets.cast import known, ticket

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operations.md"


def beat(engine: Engine) -> None:
    """The scheduler's duty."""
    while True:
        with engine.begin() as connection:
            if not operations.work(connection):
                return


def test_the_commands_do_what_the_page_says(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        for _ in range(12):
            ticket(connection, "errored", params={"amount": 51})
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    environment = {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "COUNTERFOIL_DATA": str(tmp_path),
    }
    told = {}
    for line in block.splitlines():
        done = CliRunner().invoke(main, shlex.split(line)[1:], env=environment)
        assert done.exit_code == 0, f"{line}: {done.output}"
        told[line] = done.output
        beat(engine)
    shown = [output for line, output in told.items() if " show " in line]
    assert re.search(r"^matched +12$", shown[0], re.MULTILINE)
    assert shown[1].count("to come") == 12, "ten whose outcome is awaited, two that are not let go yet"
    assert "undo of 1" in told["counterfoil operations list"]
    with engine.connect() as connection:
        verbs = select(TrailEntry.verb).order_by(TrailEntry.id)
        acts = list(connection.execute(verbs).scalars())
    assert acts.count("retry") == 12
    assert acts.count("undo") == 13
    assert acts[-2:] == ["edit", "undo"]
