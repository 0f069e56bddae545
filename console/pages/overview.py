"""The first page: is anything wrong, what, and since when."""

from typing import Any

from flask import current_app, g
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from .. import charts
from ..answers import page
from ..database import db
from ..findings import findings
from ..queries.causes import Cause, failing_causes
from ..queries.house import House, house
from ..redis_reach import redis_answers

TILES = ("pending", "running", "retrying", "errored", "held", "done")


def overview() -> Response:
    """What is wrong, the numbers, queues and charts; without the database, the page says so and stands."""
    try:
        now = house(db.session.connection(), g.user.now)
        causes = _causes(now)
    except SQLAlchemyError:
        db.session.rollback()
        current_app.logger.exception("the overview cannot read the database")
        return page("overview/away.html", fragment="overview/away_panel.html", status=503)
    redis = redis_answers(current_app.config["COUNTERFOIL"].redis_url)
    told: dict[str, Any] = {
        "house": now,
        "found": findings(now, redis, causes),
        "tiles": TILES,
        "redis": redis,
    }
    return page("overview/page.html", fragment="overview/panel.html", **told, **charts.later())


def _causes(now: House) -> dict[str, Cause]:
    """Why queues fail, if any does."""
    if not any(queue.is_failing for queue in now.queues):
        return {}
    return failing_causes(db.session.connection(), now.now)
