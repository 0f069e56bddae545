"""Engines of the product's own processes, alike for both dialects."""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, make_url

from . import pooler, sqlite

READ_COMMITTED = ("read committed", "SQLITE")
"""Where a claim or an election may ride in the finishing transaction, as the finish tells its isolation."""


def driver_url(url: str) -> str:
    """The URL with the driver named: `postgres://` and `postgresql://` mean psycopg 3 here."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def same_database(one: URL, other: URL) -> bool:
    """Whether two addresses are one database, whatever driver each names."""
    return one == other or _plain(one) == _plain(other)


def _plain(url: URL) -> tuple[object, ...]:
    default = 5432 if url.get_backend_name() == "postgresql" else None
    return url.get_backend_name(), url.host, url.port or default, url.database, url.username


def make_engine(url: str, **options: Any) -> Engine:
    """An engine on the tickets' database, READ COMMITTED, with the SQLite listeners where they are needed.

    Options go to SQLAlchemy's create_engine.
    """
    full = driver_url(url)
    if full.startswith("sqlite"):
        return sqlite.prepare(create_engine(full, **options))
    options = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True} | options
    return for_short_reads(create_engine(full, **options))


def for_short_reads(engine: Engine) -> Engine:
    """Switch off, on this engine's connections to PostgreSQL, what our statements are only slower by.

    Our loose scans read a few rows and look dear to the planner: compiling one took 7 s on a busy machine,
    running it 0.04 ms (tried). Bitmaps go too: by old statistics, which know an index as empty, one reads all
    of it to find the first (tried). And what counts in the background, in its share of one core, takes no
    others from those who wait for an answer.
    """
    return pooler.set_for_each(
        engine, jit="off", enable_bitmapscan="off", max_parallel_workers_per_gather="0"
    )


def dialect_name(connection: Connection) -> str:
    """`sqlite` or `postgresql`."""
    return connection.dialect.name


def by(dialect: str, index: str) -> str:
    """Behind a table of tickets: SQLite is told the index, PostgreSQL finds it by its partial condition."""
    return f" INDEXED BY counterfoil_tickets_{index}" if dialect == "sqlite" else ""


def among(dialect: str, found: str) -> str:
    """`id` among those that a SELECT finds; PostgreSQL: as an array, so that no plan joins the table."""
    return f"id = ANY(ARRAY({found}))" if dialect == "postgresql" else f"id IN ({found})"


def wait_at_most(connection: Connection, seconds: float) -> None:
    """Bound how long the rest of this transaction (SQLite: this connection) waits for a lock."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")
