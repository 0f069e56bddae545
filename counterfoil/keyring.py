"""The keys that encrypted params are sealed with: by id, one of them current, from the settings.

`COUNTERFOIL_ENCRYPTION_KEYS` lists `id:key` separated by commas or spaces; the first is current, the others
open what was sealed before. A key is 32 random bytes in base64 (`counterfoil keys new` makes one). No text
of this module ever holds a key.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
SETTING = "COUNTERFOIL_ENCRYPTION_KEYS"


class KeysMakeNoSense(ValueError):
    """The setting cannot be read; the text names the place and the cure, and holds no key."""


class KeyMissing(LookupError):
    """A key that this process was not given; the text names its id and the cure."""


@dataclass(frozen=True)
class Keyring:
    """Keys by id; the first one is current."""

    keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def current_id(self) -> str:
        """The id of the key that seals. Raises KeyMissing when there is none."""
        for key_id in self.keys:
            return key_id
        raise KeyMissing(
            f"no key to encrypt with: set {SETTING} to what `counterfoil keys new` prints, here and in every "
            "worker"
        )

    def get(self, key_id: str | None) -> bytes:
        """The key of this id. Raises KeyMissing, naming it."""
        found = self.keys.get(key_id or "")
        if found is None:
            raise KeyMissing(
                f"encrypted with the key {key_id!r}, which this process was not given: add it to {SETTING} "
                "(behind the current one)"
            )
        return found


def parse(told: str | None) -> Keyring:
    """The keyring of the setting's text. Raises KeysMakeNoSense."""
    found: dict[str, bytes] = {}
    for place, entry in enumerate(
        re.split(r"[,\s]+", (told or "").strip()) if told and told.strip() else (), 1
    ):
        key_id, colon, encoded = entry.partition(":")
        if not colon or not _ID.fullmatch(key_id):
            raise KeysMakeNoSense(
                f"entry {place} is not id:key, with letters, digits, _ . - in the id; "
                "`counterfoil keys new` prints one"
            )
        if key_id in found:
            raise KeysMakeNoSense(f"the id {key_id!r} stands there twice: an id names one key for ever")
        found[key_id] = _key(key_id, encoded)
    return Keyring(found)


def _key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeysMakeNoSense(
            f"the key {key_id!r} is not {KEY_BYTES} bytes in base64: make it by `counterfoil keys new`"
        )
    return key


def fresh(key_id: str) -> str:
    """A new key as an entry of the setting. Raises KeysMakeNoSense for an id that is none."""
    if not _ID.fullmatch(key_id):
        raise KeysMakeNoSense(f"{key_id!r} is no id of a key: write letters, digits, _ . - (100 at most)")
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


_adopted: Keyring | None = None


def current() -> Keyring:
    """The keyring of this process: what a Counterfoil was given, else the environment's."""
    global _adopted
    if _adopted is None:
        from .settings import read_settings

        _adopted = read_settings().keyring()
    return _adopted


def adopt(keyring: Keyring | None) -> None:
    """Use these keys in this process; None reads the environment again when they are needed."""
    global _adopted
    _adopted = keyring
