"""bin/up before anything runs: the environment, the place, the arguments, the excuses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = "bash cat cmp dirname env grep id mkdir mv rm sed".split()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a path with a space, whose environment is up to date and whose command echoes."""
    place = tmp_path / "with space" / "main"
    shutil.copytree(ROOT / "bin", place / "bin")
    recipe = f"{place}\n"
    for file in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, place)
        recipe += (ROOT / file).read_text()
    command = place / ".venv" / "bin" / "counterfoil"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "app=$COUNTERFOIL_APP"\nprintf "[%s]" "$@"\n')
    command.chmod(0o755)
    (place / ".venv" / ".installed-postgres").write_text(recipe)
    return place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH without any Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def up(checkout: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [checkout / "bin" / "up", *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
        timeout=60,
    )


def test_it_runs_the_shop_and_keeps_data_in_the_checkout_from_any_folder(checkout: Path, path: Path) -> None:
    done = up(checkout, path, "--port", "9000")
    assert done.stdout == (
        "app=examples.shop.app:create_app\n" + f"[up][--demo][--data][{checkout}/var][--port][9000]"
    )
    assert done.stderr == ""


def test_a_named_folder_is_passed_as_it_was_given(checkout: Path, path: Path) -> None:
    assert up(checkout, path, "--data", "my data").stdout.endswith("[up][--demo][--data][my data]")


def test_without_the_demo_the_application_is_the_environments(checkout: Path, path: Path) -> None:
    done = up(checkout, path, "--no-demo", "--workers", "3")
    assert done.stdout == f"app=\n[up][--data][{checkout}/var][--no-demo][--workers][3]"


def test_a_missing_python_is_named_with_the_line_to_run(checkout: Path, path: Path) -> None:
    (checkout / ".venv" / ".installed-postgres").unlink()
    done = up(checkout, path)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_an_old_python_is_named_with_its_version(checkout: Path, path: Path) -> None:
    (checkout / ".venv" / ".installed-postgres").unlink()
    put(path, "python3", 'if [ "$1" = -V ]; then echo Python 3.9.2; else exit 1; fi')
    done = up(checkout, path)
    assert done.returncode == 1
    assert "found: Python 3.9.2" in done.stderr


def test_a_python_without_venv_is_told_from_a_missing_one(checkout: Path, path: Path) -> None:
    (checkout / ".venv" / ".installed-postgres").unlink()
    put(path, "python3", "case $2 in *version_info\\[*) echo 3.12;; *ensurepip*) exit 1;; esac")
    done = up(checkout, path)
    assert done.returncode == 1
    assert "apt-get install python3.12-venv" in done.stderr


def test_a_changed_pyproject_is_noticed(checkout: Path, path: Path) -> None:
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("\n# a new dependency\n")
    done = up(checkout, path)
    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr


def test_help_tells_the_contract_without_installing_anything(checkout: Path, path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    done = up(checkout, path, "--help")
    assert done.returncode == 0
    assert "bin/up [--port N] [--data DIR] [--workers N] [--no-demo]" in done.stdout
    assert not (checkout / ".venv").exists()
