"""The wheel holds what the product needs, and runs outside the repository."""

import os
import site
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(400)]  # one build, one environment

ROOT = Path(__file__).parents[2]
PLACES = {
    "templates": "console/templates",
    "static": "console/static",
    "migrations": "counterfoil/migrations",
    "counterfoil": "counterfoil",
    "console": "console",
    "worker": "worker",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; its dependencies are borrowed from the one that runs the tests."""
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run(pip, check=True)
    (packages,) = (place / "lib").glob("python*/site-packages")
    # A path named in a .pth file is searched, but its own .pth files are not: the editable install is out.
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return place


def run(installed: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "default"}
    return subprocess.run(
        [installed / "bin" / command[0], *command[1:]],
        capture_output=True,
        text=True,
        cwd=installed.parent,
        env=kept | environment,
        timeout=60,
    )


def test_every_file_of_the_packages_and_their_data_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *PLACES], capture_output=True, text=True, cwd=ROOT, check=True
    )
    expected = {
        f"{PLACES[place]}/{rest}"
        for place, _, rest in (line.partition("/") for line in listed.stdout.splitlines())
    }
    with zipfile.ZipFile(wheel) as archive:
        assert expected - set(archive.namelist()) == set()


def test_nothing_else_than_the_three_packages_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"counterfoil", "console", "worker"}


def test_the_installed_packages_are_the_wheels_own(installed: Path) -> None:
    code = (
        "import counterfoil, console, worker; print(counterfoil.__file__, console.__file__, worker.__file__)"
    )
    files = run(installed, "python", "-c", code).stdout.split()
    assert len(files) == 3
    assert all(Path(file).is_relative_to(installed) for file in files)


def test_the_installed_command_tells_what_it_does(installed: Path) -> None:
    done = run(installed, "counterfoil", "--help")
    assert done.returncode == 0, done.stderr
    for command in ("up", "console", "worker", "scheduler", "db", "doctor", "users"):
        assert f"\n  {command} " in done.stdout


def test_the_installed_command_migrates_a_database(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    done = run(installed, "counterfoil", "db", "upgrade", DATABASE_URL=f"sqlite:///{file}")
    assert done.returncode == 0, done.stderr
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("SELECT count(*) FROM counterfoil_tickets").fetchone() == (0,)
    finally:
        connection.close()
