"""Redirects lead to our own relative paths only (an open redirect lends our name to a stranger's page)."""

import re
from urllib.parse import unquote, urlsplit

# No control characters, no backslash (browsers read it as a slash), and no second slash after the first.
_OWN = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")


def own_path(wanted: str | None, otherwise: str = "/") -> str:
    """`wanted` if it is a path on this site, else `otherwise`.

    Refuses `//evil`, `/\\evil`, `https://evil`, `javascript:`, and each percent-encoded, however often.
    """
    if not wanted or len(wanted) > 2000:
        return otherwise
    decoded = wanted
    for _ in range(5):
        if not _OWN.fullmatch(decoded.replace(" ", "+")):
            return otherwise
        previous, decoded = decoded, unquote(decoded)
        if decoded == previous:
            break
    else:
        return otherwise
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else otherwise
