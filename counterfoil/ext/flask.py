"""A Flask host with Flask-SQLAlchemy: sessions are `db.session` in an app context per unit of work."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session

from ..host import HostError
from ..ticket import Ticket


class FlaskSessions:
    """The sessions of a Flask app's `db`."""

    def __init__(self, app: Flask, db: SQLAlchemy | None = None) -> None:
        self.app = app
        found = db if db is not None else app.extensions.get("sqlalchemy")
        if not isinstance(found, SQLAlchemy) or "sqlalchemy" not in app.extensions:
            raise HostError(
                "Counterfoil(app, db) comes after db.init_app(app): this app has no Flask-SQLAlchemy yet"
            )
        self.db = found

    @contextmanager
    def scope(self) -> Iterator[Session]:
        """`db.session` in an app context of its own, removed at the end."""
        with self.app.app_context():
            try:
                yield self.db.session()
            finally:
                self.db.session.remove()

    def current(self) -> Session | None:
        """What `db.session` stands for now."""
        return self.db.session()

    def engines(self) -> list[Engine]:
        """The engine of the tickets (the default bind), then those of other binds."""
        with self.app.app_context():
            ours = self.db.session.get_bind(mapper=inspect(Ticket)).engine
            self.db.session.remove()
            return [ours, *(engine for engine in self.db.engines.values() if engine is not ours)]
