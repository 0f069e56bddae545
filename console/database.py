"""The console's door to the tickets' database: Flask-SQLAlchemy on the core's own metadata."""

import logging
import time
from pathlib import Path
from typing import Any

from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from counterfoil.base import Base
from counterfoil.database import driver_url
from counterfoil.pooler import set_for_each
from counterfoil.sqlite import prepare

log = logging.getLogger("counterfoil.console")

STATEMENT_SECONDS = 5
"""No page may hold the database longer than this (PostgreSQL's statement_timeout)."""

LIMITS = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
}

BY_AN_INDEX = {
    "jit": "off",
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",
}
"""A page shows a few rows of millions, in the order of an index. Where PostgreSQL expects few in all it likes
to read all and sort: of 12,600 deadlines it expected 20, which was 124 ms for a page instead of 0.1."""

REST_SECONDS = 1.0
USED_AT = "counterfoil_used_at"

BUSY_SECONDS = 5
"""How long an operator waits for SQLite's write lock."""

db = SQLAlchemy(metadata=Base.metadata)


def bind(app: Flask, database_url: str) -> None:
    """Bind `db` to the tickets' database for this app."""
    app.config["SQLALCHEMY_DATABASE_URI"] = _absolute(driver_url(database_url))
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _options(database_url)
    db.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            prepare(engine, busy_timeout_seconds=BUSY_SECONDS)
            if engine.dialect.name == "postgresql":
                set_for_each(engine, **LIMITS, **BY_AN_INDEX)
                _ask_the_rested(engine)
    app.teardown_request(_end_reading)


def give_back() -> None:
    """Give the request's connection back before the request ends, with what it has prepared."""
    _commit()
    db.session.remove()


def _end_reading(error: BaseException | None) -> None:
    """A GET leaves nothing to write, so it may well commit: by a rollback psycopg forgets what it prepared.

    Each request had all its statements read and planned anew, a third of its time in the database.
    """
    if error is None and request.method in ("GET", "HEAD") and db.session.registry.has():
        _commit()


def _commit() -> None:
    try:
        db.session.commit()
    except SQLAlchemyError as failure:  # the session is removed after it, whatever becomes of the connection
        log.debug("a request's reading did not end: %s", type(failure).__name__)


def _ask_the_rested(engine: Engine) -> None:
    """Whether a connection that has rested still lives is asked before it is used; one just used does.

    As SQLAlchemy's pre-ping, which asks each time: a way to the server and back for every request.
    """

    @event.listens_for(engine, "checkin")
    def given_back(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get(USED_AT, time.monotonic()) < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None  # the pool makes a new one, and drops the others too


def _absolute(url: str) -> str:
    """Flask-SQLAlchemy takes a relative file for one in its instance folder; the others take it from here."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return url
    full = parsed.set(database=str(Path(parsed.database).absolute()))
    return full.render_as_string(hide_password=False)


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {}
    return {
        "isolation_level": "READ COMMITTED",
        "pool_size": 16,
        "max_overflow": 8,
        "pool_timeout": 5,
        "pool_use_lifo": True,  # the one just used has its plans and its pages at hand
        "connect_args": {
            "connect_timeout": 3,
            "application_name": "counterfoil console",
        },
    }
