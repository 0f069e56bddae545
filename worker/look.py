"""A drain's look at what is paused: at its start, and every second."""

from sqlalchemy import Connection, text

from counterfoil.clock import MOMENT


def paused(connection: Connection, queue: str) -> tuple[bool, frozenset[str]]:
    """Whether the queue is paused, and which view models are; commits."""
    still = f"paused AND (paused_until IS NULL OR paused_until > {MOMENT[connection.dialect.name]})"
    rows = connection.execute(
        text(
            f"SELECT 1 AS is_queue, name FROM counterfoil_queues WHERE name = :queue AND {still} "
            f"UNION ALL SELECT 0, name FROM counterfoil_view_models WHERE {still}"
        ),
        {"queue": queue},
    ).fetchall()
    connection.commit()  # by a rollback psycopg forgets what it has prepared: the claims
    return any(row.is_queue for row in rows), frozenset(row.name for row in rows if not row.is_queue)
