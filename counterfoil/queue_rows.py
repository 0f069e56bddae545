"""The rows of queues: made when a worker or a view model names one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from .tables import Queue


def name_queues(connection: Connection, names: Sequence[str]) -> None:
    """Make sure that these queues have a row; a queue exists when a worker or a view model names it."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    if names:
        connection.execute(insert(Queue).on_conflict_do_nothing(), [{"name": name} for name in names])
