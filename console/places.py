"""Where templates and static files are: in a checkout beside the package, in the wheel inside it."""

from pathlib import Path

HERE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder `name` (templates, static). Raises FileNotFoundError when the installation lacks it."""
    for place in (HERE / name, HERE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the console's folder {name!r} is missing: install counterfoil again")
