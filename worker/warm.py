"""What a drain's first ticket would wait for, done before there is one.

A new connection's server process has to load the descriptions of a table with two dozen indexes: its first
claim takes ten times as long as its sixth, which the driver prepares. So a spare horse asks everything that a
drain asks before its first ticket, of a queue that cannot exist, and commits: nothing is found, nothing is
locked, and no transaction is open while it waits. The host's own sessions are left alone: connecting them is
the host's code.
"""

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.orm import configure_mappers

from counterfoil import untold
from counterfoil.candidates import has_due, seconds_to_next
from counterfoil.claim import ride
from counterfoil.database import make_engine
from counterfoil.lease import DrainLease

from .linger import STAY_SECONDS
from .look import paused

NOWHERE = DrainLease(id="", queue="", slot=0)
ROUNDS = 6
"""psycopg prepares a statement when it is executed for the sixth time."""

PATIENT = {
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""A connection that waits for hours is kept alive through firewalls; that it is cut shows within seconds."""


def horse_engine(url: str) -> Engine:
    """The engine for what horses do by themselves: claims, looks, settling. Nothing of it is connected yet.

    What the parent's first connection learned of the server and of our statements, every horse inherits.
    """
    postgresql = not url.startswith("sqlite")
    engine = make_engine(url, **({"connect_args": PATIENT} if postgresql else {}))
    ask(engine)
    engine.dispose()
    with suppress(Exception):  # mappings that do not fit are told with the first ticket that needs them
        configure_mappers()
    return engine


def steps(engine: Engine) -> list[Callable[[], None]]:
    """What a spare does before it waits. None on SQLite: opening the file takes less than a millisecond, and
    a file that waits open may be another one's by then."""
    return [] if engine.dialect.name == "sqlite" else [lambda: ask(engine)] * ROUNDS


def ask(engine: Engine) -> None:
    """Everything that a drain asks before its first ticket, once."""
    with engine.connect() as connection:
        untold.first(connection, NOWHERE.queue)
        paused(connection, NOWHERE.queue)
        if connection.dialect.name == "postgresql":
            ride(connection, NOWHERE)
            connection.commit()  # not a rollback: by that psycopg forgets what it has prepared
        has_due(connection, NOWHERE.queue)
        seconds_to_next(connection, NOWHERE.queue, STAY_SECONDS)
        connection.commit()
