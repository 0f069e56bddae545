"""README's lines, applied as text to an application that knew nothing of Counterfoil."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.servers.process import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PLAIN = Path(__file__).with_name("plain_shop.py")


def blocks(language: str) -> list[str]:
    """README's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def applied(hunk: str, to: str) -> str:
    """The text with one hunk applied; its old lines must stand there exactly once."""
    lines = [(line[:1] or " ", line[1:]) for line in hunk.splitlines()]
    old = "".join(f"{text}\n" for sign, text in lines if sign in " -")
    new = "".join(f"{text}\n" for sign, text in lines if sign in " +")
    assert to.count(old) == 1, f"README's hunk does not fit:\n{hunk}"
    return to.replace(old, new)


def test_the_application_is_one_that_knows_nothing_of_us() -> None:
    assert "counterfoil" not in PLAIN.read_text().lower()
    assert len(PLAIN.read_text().splitlines()) <= 62


def test_readme_adds_ten_lines_or_fewer() -> None:
    added = [line for hunk in blocks("diff") for line in hunk.splitlines() if line.startswith("+")]
    assert 5 < len([line for line in added if line.strip("+ ")]) <= 10


def test_readme_shows_a_picture_that_is_there_and_small() -> None:
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")
    assert (ROOT / picture).stat().st_size < 300_000


@pytest.mark.timeout(600)
def test_readmes_lines_make_a_ticket_that_is_done(tmp_path: Path) -> None:
    code = PLAIN.read_text()
    for hunk in blocks("diff"):
        code = applied(hunk, code)
    (tmp_path / "shop.py").write_text(code)
    (commands,) = blocks("sh")
    database = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    commands = re.sub(r"DATABASE_URL=\S+", f"DATABASE_URL={database}", commands)
    commands = re.sub(r"^pip install .*\n", "", commands)
    commands = re.sub(r"^counterfoil up$", f"exec counterfoil up --port {free_port(4)}", commands, flags=re.M)
    bin_folder = Path(sys.executable).parent
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("COUNTERFOIL_", "DATABASE_", "REDIS_"))},
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "COUNTERFOIL_DATA": str(tmp_path / "data"),
        "PYTHONPATH": str(tmp_path),
    }
    with running(["sh", "-ec", commands], tmp_path, environment) as log:
        engine = create_engine(database)

        def read(query: str) -> list[tuple[object, ...]]:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(query))]

        wait_until(lambda: read("SELECT 1 FROM counterfoil_workers"), log)
        visit = (
            "import shop; client = shop.create_app().test_client(); "
            "print(client.post('/customers', data={'name': 'Ada'}).json)"
        )
        host = {**environment, "DATABASE_URL": database}
        said = subprocess.run(
            [sys.executable, "-c", visit], env=host, cwd=tmp_path, capture_output=True, text=True
        )
        assert "'number': None" in said.stdout, said.stderr
        wait_until(lambda: read("SELECT 1 FROM counterfoil_tickets WHERE state = 'done'"), log)
        assert read("SELECT number FROM customer") == [(1,)]
        assert read("SELECT view_model, root_id, attempts, receipt FROM counterfoil_tickets") == [
            ("Customer.assign_number", "Customer!1", 1, '"number 1"')
        ]
        engine.dispose()


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """A process with its output in a file; ended by TERM, and it has to end well."""
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield log
        finally:
            process.terminate()
            code = process.wait(timeout=120)
    assert code == 0, log.read_text()[-4000:]


def wait_until(condition: Callable[[], object], log: Path, seconds: float = 180) -> None:
    """Wait for something that another process does; its log when it does not."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except Exception as error:  # the tables may not be there yet
            last = error
        else:
            last = None
        assert time.monotonic() < end, f"{last}\n{log.read_text()[-4000:]}"
        time.sleep(0.1)
