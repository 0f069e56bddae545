"""What an htmx 4 request says about itself.

flask-htmx 0.4 reads the headers of htmx 1 and 2: under 4 the element that asked is in `HX-Source`, and both
identify elements as `tag#id`.
"""

from urllib.parse import unquote

from flask import request
from flask_htmx import HTMX


def _id(header: str) -> str | None:
    _, mark, id_ = request.headers.get(header, "").partition("#")
    return unquote(id_) if mark else None


class Htmx(HTMX):  # type: ignore[misc]  # flask-htmx has no types
    """`htmx` in views and templates; true when the request was made by htmx."""

    @property
    def target(self) -> str | None:
        """The id of the element that will be swapped, or None when it has none."""
        return _id("HX-Target")

    @property
    def trigger(self) -> str | None:
        """The id of the element that asked, or None when it has none."""
        return _id("HX-Source")

    @property
    def trigger_name(self) -> None:
        """htmx 4 does not tell the asking element's name."""
        return

    @property
    def wants_fragment(self) -> bool:
        """Whether a fragment is asked for: not so for boosted links and for the history's restoring."""
        return bool(self) and not self.boosted and not self.history_restore_request


htmx = Htmx()
