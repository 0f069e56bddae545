"""What makes the console refuse to start (S24)."""

import ipaddress
import os

from counterfoil.settings import Settings

from .secret import SHORTEST

DEFAULTS = ("change-me", "changeme", "secret", "development", "default", "insecure", "password")


def is_production(settings: Settings) -> bool:
    """Whether `environment` is the real thing: production, prod, live, or a name that begins so."""
    return settings.environment.lower().startswith(("prod", "live"))


def refusal(settings: Settings, host: str, debug: bool | None = None) -> str | None:
    """One line that says why the console must not start on this host's address, with the cure; else None.

    `debug` None: as FLASK_DEBUG says. Outside production only a key that was set too short is refused.
    """
    key = settings.secret_key
    if key is not None and len(key) < SHORTEST:
        return f"COUNTERFOIL_SECRET_KEY is shorter than {SHORTEST} characters: {_MAKE}"
    if not is_production(settings):
        return None
    if key is None:
        return f"COUNTERFOIL_SECRET_KEY is not set, and this is production: {_MAKE}"
    if len(set(key)) < 8 or any(key.lower().startswith(word) for word in DEFAULTS):
        return f"COUNTERFOIL_SECRET_KEY looks like a default: {_MAKE}"
    if _debug() if debug is None else debug:
        return "debug is on (FLASK_DEBUG), and this is production: unset it, it shows code and runs it"
    if is_public(host) and not settings.public_bind_consent and not _behind_tls(settings):
        return (
            f"{host} can be reached from other machines without TLS: bind to 127.0.0.1, or put a proxy with "
            "TLS in front and set COUNTERFOIL_URL=https://... and COUNTERFOIL_PROXIES=1, or consent with "
            "COUNTERFOIL_PUBLIC_BIND_CONSENT=true"
        )
    return None


def is_public(host: str) -> bool:
    """Whether an address to bind to can be reached from another machine."""
    if host.startswith("unix:") or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return True


def _behind_tls(settings: Settings) -> bool:
    return settings.proxies > 0 and (settings.url or "").startswith("https://")


def _debug() -> bool:
    return os.environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no")


_MAKE = 'make one with: python3 -c "import secrets; print(secrets.token_hex(32))"'
