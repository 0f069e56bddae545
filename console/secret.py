"""The key that signs cookies and CSRF tokens."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from counterfoil.settings import Settings, SettingsError

SHORTEST = 32
FILE = "secret"


def signing_key(settings: Settings) -> str:
    """The key of the settings, else that of the data folder's `secret`, made on first use (mode 0600)."""
    return settings.secret_key or _of_file(settings.data / FILE)


def _of_file(file: Path) -> str:
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _make(file)
        key = file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"cannot use {file}: {error.strerror}. Make COUNTERFOIL_DATA a folder that may be written, "
            "or set COUNTERFOIL_SECRET_KEY"
        ) from None
    if len(key) < SHORTEST:
        raise SettingsError(
            f"{file} holds no key of {SHORTEST} characters: delete it, a new one is made at the next start"
        )
    return key


def _make(file: Path) -> None:
    """Written aside and linked: of processes that start together one wins, and none reads half a key."""
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as opened:
            opened.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(aside, file)
    finally:
        os.unlink(aside)
