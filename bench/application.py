"""The application of the bench: a no-op and one business INSERT, for us and for the peers."""

import os
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

from counterfoil import Counterfoil, target
from counterfoil.database import driver_url
from counterfoil.sqlite import prepare

engine = prepare(create_engine(driver_url(os.environ["DATABASE_URL"])))
Session = scoped_session(sessionmaker(engine))
INSERT = text("INSERT INTO effect (note) VALUES (:note)")

_own: Engine | None = None


@target("Bench.nothing", queue="bench")
def nothing() -> None:
    """The no-op."""


@target("Bench.insert", queue="bench")
def insert(note: str = "x") -> None:
    """One business INSERT, in the session that the drain commits."""
    Session().execute(INSERT, {"note": note})


def peer_nothing() -> None:
    """The no-op of a queue without transactions."""


def peer_insert(note: str = "x") -> None:
    """One business INSERT and COMMIT, as a job of a queue without transactions does it."""
    global _own
    if _own is None:
        # After the fork: a connection must not cross it.
        _own = create_engine(driver_url(os.environ["DATABASE_URL"]))
    with _own.begin() as connection:
        connection.execute(INSERT, {"note": note})


def tickets() -> Any:
    """What the worker loads."""
    return Counterfoil(Session)
