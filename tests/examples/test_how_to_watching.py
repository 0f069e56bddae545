"""The commands and the Python of the how-to page about watching, run as they are printed."""

import re
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import Engine, insert, text

from counterfoil.acts import Actor
from counterfoil.cli import main
from counterfoil.pauses import pause_view_model
from counterfoil.queue_rows import name_queues
from counterfoil.tables import ViewModelRecord

from .printed import PAGES, blocks


def test_the_page_s_commands_and_python_do_what_it_says(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        name_queues(connection, ["fulfilment"])
        connection.execute(insert(ViewModelRecord).values(name="OrderClient.fulfill", sort="target"))
    url = engine.url.render_as_string(hide_password=False)
    environment = {"DATABASE_URL": url, "COUNTERFOIL_DATA": str(tmp_path)}
    page = (PAGES / "watching.md").read_text()
    printed = re.findall(r"^counterfoil (.+)$", page, re.MULTILINE)
    assert len(printed) == 10
    for line in printed:
        words = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]
        done = CliRunner().invoke(main, words, env=environment)
        assert done.exit_code == 0, f"{line}: {done.output}"
    (code,) = blocks("watching.md")
    exec(code, {"engine": engine, "Actor": Actor, "pause_view_model": pause_view_model})
    with engine.connect() as connection:
        verbs = connection.execute(text("SELECT verb FROM counterfoil_trail ORDER BY id")).scalars().all()
    assert verbs == ["pool-size", "pause", "resume", "pause", "resume", "route", "route", "pause"]
