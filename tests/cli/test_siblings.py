"""A host's own `worker.py` and `console/` are in nobody's way."""

import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.cli.siblings import BESIDE, check

ROOT = Path(__file__).parents[2]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host's folder with modules of our packages' names."""
    (tmp_path / "worker.py").write_text("MINE = 'the host'\n")
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "__init__.py").write_text("MINE = 'the host'\n")
    return tmp_path


def python(host: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=host, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_ours_are_loaded_although_the_hosts_come_first_on_the_path(host: Path) -> None:
    code = """
import worker, console
from counterfoil.cli.siblings import load
ours = load("worker", "supervisor.restarts"), load("console", "roles")
again = load("worker", "supervisor.restarts")
print(worker.MINE, console.MINE, *(module.__name__ for module in ours), again is ours[0])
"""
    assert python(host, code) == (
        "the host the host counterfoil_worker.supervisor.restarts counterfoil_console.roles True"
    )


def test_the_hosts_are_still_importable_by_name_after_ours_were_loaded(host: Path) -> None:
    code = """
from counterfoil.cli.siblings import load
load("worker", "scheduler.watch"), load("console")
import worker, console
print(worker.MINE, console.MINE)
"""
    assert python(host, code) == "the host the host"


def test_what_stands_beside_the_core_here_is_ours() -> None:
    assert BESIDE == ROOT
    for package in ("console", "worker"):
        check(package)


def test_the_help_loads_neither_web_framework_nor_queue(host: Path) -> None:
    code = """
import sys
from click.testing import CliRunner
from counterfoil.cli import main
assert CliRunner().invoke(main, ["--help"]).exit_code == 0
print(*sorted({name.partition('.')[0] for name in sys.modules} & {"flask", "rq", "gunicorn"}))
"""
    assert python(host, code) == ""
