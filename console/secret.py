"""The key that signs cookies and CSRF tokens."""

import os
import secrets
from pathlib import Path

from counterfoil.settings import Settings, SettingsError

SHORTEST = 32
FILE = "secret"


def signing_key(settings: Settings) -> str:
    """The key of the settings, else that of the data folder's `secret`, made on first use (mode 0600)."""
    return settings.secret_key or _of_file(settings.data / FILE)


def _of_file(file: Path) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: of two processes that start together, one makes it and both read it.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    except OSError as error:
        raise SettingsError(
            f"cannot write {file}: {error.strerror}. Make COUNTERFOIL_DATA a folder that may be written, "
            "or set COUNTERFOIL_SECRET_KEY"
        ) from None
    with os.fdopen(handle, "w") as opened:
        opened.write(secrets.token_hex(32))
    return _read(file)


def _read(file: Path) -> str:
    key = file.read_text().strip()
    if len(key) < SHORTEST:
        raise SettingsError(
            f"{file} holds no key of {SHORTEST} characters: delete it, a new one is made at the next start"
        )
    return key
