"""Passwords: argon2id (RFC 9106), and constant work whether or not the user exists."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher()
SHORTEST = 12
LONGEST = 1024

# 64 MiB each: without a bound, a hundred bad sign-ins at once would be a machine without memory.
_AT_ONCE = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form."""
    with _AT_ONCE:
        return HASHER.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password fits. Without a hash the same work is done in vain: absence does not show."""
    with _AT_ONCE:
        try:
            HASHER.verify(password_hash or _nobodys(), password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def too_weak(password: str, name: str) -> str | None:
    """`short`, `long` or `simple` when a password may not be used, else None."""
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if len(set(password)) < 5 or name.partition("@")[0] == password.lower():
        return "simple"
    return None


@cache
def _nobodys() -> str:
    return HASHER.hash("a password that nobody has")
