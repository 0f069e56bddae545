"""The application of the bench: the same work for us and for the peers."""

import os
import time
from functools import cache
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

from counterfoil import Counterfoil, target
from counterfoil.database import driver_url
from counterfoil.sqlite import prepare

engine = prepare(create_engine(driver_url(os.environ["DATABASE_URL"])))
Session = scoped_session(sessionmaker(engine))
INSERT = text("INSERT INTO effect (note) VALUES (:note)")


@target("Bench.nothing", queue="bench")
def nothing() -> None:
    """The no-op."""


@target("Bench.insert", queue="bench")
def insert(note: str = "x") -> None:
    """One business INSERT, in the session that the drain commits."""
    Session().execute(INSERT, {"note": note})


@target("Bench.nothing_grouped", queue="bench", commit="group")
def nothing_grouped() -> None:
    """The no-op, up to a hundred in a commit."""


@target("Bench.insert_grouped", queue="bench", commit="group")
def insert_grouped(note: str = "x") -> None:
    """One business INSERT, up to a hundred in a commit."""
    insert(note)


@target("Bench.mark", queue="bench")
def mark(number: int) -> None:
    """Note when it started."""
    peer_mark(number)


def peer_nothing() -> None:
    """The no-op of a queue without transactions."""


def peer_insert(note: str = "x") -> None:
    """One business INSERT and COMMIT, as a job of a queue without transactions does it."""
    with _own().begin() as connection:
        connection.execute(INSERT, {"note": note})


def peer_mark(number: int) -> None:
    """Append its number and the time to the run's marks."""
    with open(os.environ["BENCH_MARKS"], "a") as marks:
        marks.write(f"{number} {time.time():.6f}\n")


@cache
def _own() -> Engine:
    # Made by the first job: a connection must not cross a fork.
    return create_engine(driver_url(os.environ["DATABASE_URL"]))


def tickets() -> Any:
    """What the worker loads."""
    return Counterfoil(Session)
