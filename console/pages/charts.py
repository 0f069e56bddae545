"""The charts alone: what the overview, a queue's and a view model's page show a part of."""

from werkzeug.wrappers import Response

from .. import charts as drawn
from ..answers import page


def charts() -> Response:
    """Throughput, wait, run time and backlog; 404 for a range that there is not."""
    return page("charts/page.html", fragment="charts/body.html", **drawn.context())
