"""The shop is an example: it uses what a customer has, and nothing that is ours alone."""

import ast
import re
import sys
from pathlib import Path

SHOP = Path(__file__).parents[2] / "examples" / "shop"
ALLOWED = {"counterfoil", "flask", "flask_sqlalchemy", "sqlalchemy", "werkzeug", "click"}


def imported(file: Path) -> set[str]:
    """The modules that a file imports, its own package's left out."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return found


def test_it_imports_public_names_only() -> None:
    everything = set().union(*(imported(file) for file in SHOP.rglob("*.py")))
    packages = {name.partition(".")[0] for name in everything}
    assert packages - set(sys.stdlib_module_names) <= ALLOWED
    assert {name for name in everything if name.startswith("counterfoil")} == {"counterfoil"}


def test_each_file_of_its_table_is_there() -> None:
    named = re.findall(r"`([\w/]+\.(?:py|js))`", (SHOP / "README.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (SHOP / name).exists()] == []
