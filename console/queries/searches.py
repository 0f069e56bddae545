"""Saved searches: one's own, and those that others share."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select

from counterfoil.tables import Search, User

MOST = 100


def saved(connection: Connection, user_id: int) -> list[Row[Any]]:
    """A person's own and the shared ones, by name; `owner` is who saved it."""
    return list(connection.execute(_saved(), {"user_id": user_id}))


@cache
def _saved() -> Any:
    return (
        select(Search.id, Search.name, Search.query, Search.shared, Search.user_id, User.name.label("owner"))
        .join(User, User.id == Search.user_id)
        .where(or_(Search.user_id == bindparam("user_id"), Search.shared))
        .order_by(Search.name, Search.id)
        .limit(2 * MOST)
    )
