"""Variables of the environment that look like settings and are none: a typo would be ignored in silence."""

import logging
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import AliasChoices

from .settings import Settings

log = logging.getLogger(__name__)

PREFIX = "COUNTERFOIL_"
ALSO_KNOWN = ("COUNTERFOIL_LOG_JSON",)
"""What the supervisor tells its children."""

_told: set[str] = set()


def known() -> list[str]:
    """The variables that are read."""
    found = [*ALSO_KNOWN]
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        given = [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else [PREFIX + name]
        found.append(given[-1].upper())
    return found


def unknown(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each variable that is ignored, with a line that says so and names the nearest setting."""
    names = {name.removeprefix(PREFIX): name for name in known()}
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in names.values():
            bare = name.upper().removeprefix(PREFIX)
            near = get_close_matches(bare, names, 1, 0.7)
            cure = f"did you mean {names[near[0]]}?" if near else "the reference lists the settings"
            yield name, f"{name} is no setting, it is ignored: {cure}"


def tell(environ: Mapping[str, str] = os.environ) -> None:
    """Warn of them; of each once in a process."""
    for name, line in unknown(environ):
        if name not in _told:
            _told.add(name)
            log.warning("%s", line)
