"""Encryptors: what seals a ticket's params at rest, pluggable by name.

`aes-gcm` is AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits; its associated data binds the text
to the ticket it was sealed for, so that a text copied to another row does not open. `null` keeps the text
as it is, for tests and for places without keys: it is still shown on no page.
"""

import base64
import os
from typing import NamedTuple, Protocol

from . import keyring

DEFAULT = "aes-gcm"
NONCE_BYTES = 12


class CannotDecrypt(ValueError):
    """Params that this process cannot open; the text says why and holds nothing of them."""


class Sealed(NamedTuple):
    """A sealed text and the id of the key that opens it (None where there is none)."""

    text: str
    key_id: str | None


class Encryptor(Protocol):
    """Seals and opens bytes; `bound_to` must be authenticated with them."""

    def current_key_id(self) -> str | None:
        """The key that `seal` would use; rotation looks for tickets with another one."""

    def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
        """Seal with the current key. Raises KeyMissing."""

    def open(self, sealed: str, key_id: str | None, bound_to: bytes) -> bytes:
        """Open what was sealed. Raises CannotDecrypt or KeyMissing."""


class AesGcm:
    """AES-256-GCM with the keys of the process; see the module."""

    def current_key_id(self) -> str:
        """Of the keyring."""
        return keyring.current().current_id

    def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
        """Nonce and ciphertext in base64."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        keys = keyring.current()
        key_id, nonce = keys.current_id, os.urandom(NONCE_BYTES)
        sealed = nonce + AESGCM(keys.get(key_id)).encrypt(nonce, plain, bound_to)
        return Sealed(base64.b64encode(sealed).decode(), key_id)

    def open(self, sealed: str, key_id: str | None, bound_to: bytes) -> bytes:
        """The bytes, if they were sealed for the same ticket. Raises CannotDecrypt, KeyMissing."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = keyring.current().get(key_id)
        try:
            stored = base64.b64decode(sealed, validate=True)
            return AESGCM(key).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise CannotDecrypt(
                f"the key {key_id!r} does not open them: they were changed, or sealed for another ticket or "
                "view model, or another key bears this id"
            ) from None


class Null:
    """Seals nothing: the text stands in the row as it is."""

    def current_key_id(self) -> None:
        """It has no key."""

    def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
        """The same text."""
        return Sealed(plain.decode(), None)

    def open(self, sealed: str, key_id: str | None, bound_to: bytes) -> bytes:
        """The same text."""
        return sealed.encode()


def built_in() -> dict[str, Encryptor]:
    """The encryptors that every process knows, by name."""
    return {DEFAULT: AesGcm(), "null": Null()}
