"""Encrypted params: sealed when the ticket is opened, opened when it runs, bound to token and view model.

The row holds the sealed text as a JSON string, the encryptor's name and the key's id. The token is made here
and not by the database: the text is bound to it before the row exists.
"""

import json
import secrets
from collections.abc import Iterable
from enum import Enum
from typing import Any

from . import params as stored_params
from .encryptors import DEFAULT, CannotDecrypt
from .keyring import KeyMissing
from .registry import Registry


def seal(stored: dict[str, Any], view_model: str, encryptor: bool | str, known: Registry) -> dict[str, Any]:
    """The columns of a new ticket with these params. Raises KeyMissing, RegistryError."""
    token = secrets.token_hex(16)
    name = DEFAULT if encryptor is True else str(encryptor)
    return {"token": token} | sealed_columns(stored, token, view_model, name, known)


def sealed_columns(
    stored: dict[str, Any], token: str, view_model: str, name: str, known: Registry
) -> dict[str, Any]:
    """`params`, `encryptor` and `key_id` of a ticket with this token. Raises KeyMissing, RegistryError."""
    plain = json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
    text, key_id = known.encryptor(name).seal(plain, _bound_to(token, view_model))
    return {"params": text, "encryptor": name, "key_id": key_id}


def unseal(row: Any, known: Registry) -> dict[str, Any]:
    """The stored params of a row with encryptor, key_id, params, token, view_model.

    Raises CannotDecrypt, KeyMissing, RegistryError; no text of theirs holds anything of the params.
    """
    encryptor = known.encryptor(row.encryptor)
    if not isinstance(row.params, str):
        raise CannotDecrypt(f"the row says {row.encryptor}, but its params are not a sealed text")
    plain = encryptor.open(row.params, row.key_id, _bound_to(row.token, row.view_model))
    try:
        found = json.loads(plain)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CannotDecrypt(f"{row.encryptor} opened them, but to no params")
    return found


def values(row: Any, known: Registry, enums: Iterable[type[Enum]]) -> dict[str, Any]:
    """The keyword arguments of a row's sealed params. Raises what `unseal` does."""
    try:
        return stored_params.decode(unseal(row, known), enums)
    except KeyMissing as error:
        raise CannotDecrypt(str(error)) from None
    except stored_params.ParamsCannotBeRead:
        raise CannotDecrypt(
            "one of them means nothing here: a parameter's enum class has lost a member, or is not annotated"
        ) from None


def _bound_to(token: str, view_model: str) -> bytes:
    return f"counterfoil:params:{token}:{view_model}".encode()
