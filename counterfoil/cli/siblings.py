"""Loads `console` and `worker` by location: by name they may be a host's own.

A host may have a `worker.py` or a package `console`; whichever comes first on the path wins an import by
name, in both directions. So ours, which stand beside the package `counterfoil`, are loaded under names of
their own; inside they import relatively.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BESIDE = Path(__file__).resolve().parents[2]


class Shadowed(RuntimeError):
    """What stands where our package should be is not ours."""


def location(package: str) -> Path:
    """The folder where our package of this name ("console" or "worker") has to be."""
    return BESIDE / package


def check(package: str) -> None:
    """Raises Shadowed, naming the place and the cure, when our package is missing or overwritten."""
    found = location(package) / "__init__.py"
    if not found.is_file():
        single = location(package).with_suffix(".py")
        there = f"{single} stands there instead" if single.exists() else "nothing of that name is there"
        raise Shadowed(
            f"Counterfoil's package {package!r} is missing from {BESIDE}: {there}. "
            "Install again: pip install --force-reinstall counterfoil"
        )
    if 'PART_OF = "counterfoil"' not in found.read_text(errors="replace"):
        raise Shadowed(
            f"{found} belongs to something else: another distribution put a package {package!r} over "
            "Counterfoil's. Uninstall that one, then: pip install --force-reinstall counterfoil"
        )


def load(package: str, module: str | None = None) -> ModuleType:
    """Our package, or a module of it ("supervisor.run"). Raises Shadowed."""
    loaded = _package(package)
    return importlib.import_module(f"{loaded.__name__}.{module}") if module else loaded


def _package(package: str) -> ModuleType:
    check(package)
    file = location(package) / "__init__.py"
    for name in (package, f"counterfoil_{package}"):
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(file):
            return known
    alias = f"counterfoil_{package}"
    spec = importlib.util.spec_from_file_location(
        alias, file, submodule_search_locations=[str(location(package))]
    )
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[alias] = made
    spec.loader.exec_module(made)
    return made
