"""Who may import whom (design section 2); the static half is import-linter's, in pyproject.toml."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_after(statement: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter by a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_the_contracts_of_import_linter_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_forbidden_import_is_noticed(tmp_path: Path) -> None:
    for package in ("counterfoil", "console", "worker", "examples"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "counterfoil" / "ticket.py").open("a") as file:
        file.write("\nimport redis\n")
    with (tmp_path / "console" / "__init__.py").open("a") as file:
        file.write("\nimport worker\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "counterfoil.ticket -> redis" in done.stdout
    assert "console -> worker" in done.stdout


def test_importing_the_core_loads_neither_web_framework_nor_queue_nor_migrations() -> None:
    loaded = modules_after("import counterfoil")
    assert "sqlalchemy" in loaded
    assert not loaded & {"flask", "werkzeug", "rq", "redis", "gunicorn", "alembic", "console", "worker"}


@pytest.mark.parametrize("package", ["console", "worker"])
def test_imports_inside_a_package_that_hosts_may_shadow_are_relative(package: str) -> None:
    absolute = []
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.partition(".")[0] == package for name in names):
                absolute.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert absolute == []
