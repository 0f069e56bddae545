"""The first page: is anything wrong, what, and since when."""

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from ..answers import page
from ..database import db
from ..findings import findings
from ..queries.house import house
from ..redis_reach import redis_answers

TILES = ("pending", "running", "retrying", "errored", "held", "done")


def overview() -> Response:
    """What is wrong, the numbers and the queues; without the database, the page says so and stands."""
    try:
        now = house(db.session.connection())
    except SQLAlchemyError:
        db.session.rollback()
        current_app.logger.exception("the overview cannot read the database")
        return page("overview/away.html", fragment="overview/away_panel.html", status=503)
    found = findings(now, redis_answers(current_app.config["COUNTERFOIL"].redis_url))
    return page("overview/page.html", fragment="overview/panel.html", house=now, found=found, tiles=TILES)
