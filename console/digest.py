"""What the tables hold of a secret: its SHA-256. Secrets have 256 random bits, so no salt is needed."""

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits, fit for a cookie and an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
