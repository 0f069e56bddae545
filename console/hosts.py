"""Which Host headers are answered (S17): a foreign one would end up in links that we write."""

from urllib.parse import urlsplit

from counterfoil.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def trusted(settings: Settings) -> list[str]:
    """The hosts given by `trusted_hosts`, that of `url`, and this machine's own names for itself."""
    own = urlsplit(settings.url).hostname if settings.url else None
    return [*settings.trusted_hosts, *([own] if own else []), *LOOPBACK]
