"""The processes: workers with what they run, schedulers with their duties, the last sign of life of each."""

from werkzeug.wrappers import Response

from ..answers import page
from ..database import db
from ..queries import house


def workers() -> Response:
    """All that have a row."""
    connection = db.session.connection()
    return page(
        "workers/page.html",
        fragment="workers/list.html",
        processes=house.processes(connection),
        drains=house.drains(connection),
        leader=house.leader(connection),
    )
