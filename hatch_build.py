"""Puts the top-level folders of data where the packages look for them when they are installed."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = {
    "templates": "console/templates",
    "static": "console/static",
    "migrations": "counterfoil/migrations",
}


class PlaceData(BuildHookInterface):  # type: ignore[type-arg]
    """Maps data folders into the wheel.

    The plain ``force-include`` table would do the same for editable installs, whose copies go stale
    with the first edit; in a checkout the packages read the top-level folders instead.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        for source, target in INSIDE.items():
            if not (Path(self.root) / source).is_dir():
                raise FileNotFoundError(f"the wheel needs the folder {source}/, which is not there")
            build_data["force_include"][source] = target
