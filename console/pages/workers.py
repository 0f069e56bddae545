"""The processes: workers with what they run, schedulers with their duties, the last sign of life of each."""

from werkzeug.wrappers import Response

from ..answers import page
from ..database import db
from ..duties import duties_of
from ..queries import house


def workers() -> Response:
    """All that have a row."""
    connection = db.session.connection()
    processes, leader = house.processes(connection), house.leader(connection)
    return page(
        "workers/page.html",
        fragment="workers/list.html",
        processes=processes,
        drains=house.drains(connection),
        leader=leader,
        duties=duties_of(processes, leader),
    )
