"""Findings about the secret that signs the console's cookies."""

import stat
from collections.abc import Iterator

from ..settings import Settings
from .finding import Finding

SHORTEST = 32
DISTINCT = 8
_MAKE = 'make one: python3 -c "import secrets; print(secrets.token_hex(32))"'


def secret(settings: Settings) -> Iterator[Finding]:
    """A secret that is short, guessable, readable by others, or missing in production."""
    file = settings.data / "secret"
    if settings.secret_key is not None:
        yield from _weak("COUNTERFOIL_SECRET_KEY", settings.secret_key, f"{_MAKE} and set it")
    elif file.is_file():
        yield from _weak(str(file), file.read_text(errors="replace").strip(), "delete it: a new one is made")
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Finding("secret", f"{file} can be read by other users", f"chmod 600 {file}")
    elif settings.environment.lower().startswith(("prod", "live")):
        yield Finding("secret", "COUNTERFOIL_SECRET_KEY is not set in production", f"{_MAKE} and set it")


def _weak(name: str, value: str, cure: str) -> Iterator[Finding]:
    if len(value) < SHORTEST:
        yield Finding("secret", f"{name} has {len(value)} characters: {SHORTEST} are needed", cure)
    elif len(set(value)) < DISTINCT:
        yield Finding(
            "secret", f"{name} is guessable: it consists of {len(set(value))} different characters", cure
        )
