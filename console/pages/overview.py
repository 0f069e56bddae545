"""The first page: is anything wrong, what, and since when."""

from werkzeug.wrappers import Response

from ..answers import page


def overview() -> Response:
    """Counts by state from the latest sample."""
    return page("overview/page.html")
