"""The host application: where its sessions come from, which engine holds the tickets, where the bell hangs.

    tickets = Counterfoil(app, db)              # Flask with Flask-SQLAlchemy
    tickets = Counterfoil(sessionmaker(engine)) # anything else

Workers find it through `COUNTERFOIL_APP=module:callable`.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from . import keyring, missing_tables, opener, ringing, sqlite, unknown_settings
from .hooks import OnError
from .registry import Registry, registry
from .settings import Settings, SettingsError, read_settings
from .ticket import Ticket
from .waiting_pages import WaitingPages, below

EXTENSION = "counterfoil"


class HostError(SettingsError):
    """The host application cannot be had; one line, naming the setting and the cure."""


class Sessions(Protocol):
    """Where a host's sessions come from."""

    def scope(self) -> AbstractContextManager[Session]:
        """The host's session for one unit of work; closed or removed at the block's end."""

    def current(self) -> Session | None:
        """The session that the host hands out inside the scope; None where only the scope knows it."""

    def engines(self) -> list[Engine]:
        """All engines of the host, the one that holds the tickets first."""


class PlainSessions:
    """Sessions of a sessionmaker (or anything that returns a Session), one for each unit of work."""

    def __init__(self, make: Callable[[], Session]) -> None:
        self.make = make

    @contextmanager
    def scope(self) -> Iterator[Session]:
        """A new session; of a scoped_session, the current one, removed at the end."""
        session = self.make()
        try:
            yield session
        finally:
            if isinstance(self.make, scoped_session):
                self.make.remove()
            else:
                session.close()

    def current(self) -> Session | None:
        """A scoped_session's current one."""
        return self.make() if isinstance(self.make, scoped_session) else None

    def engines(self) -> list[Engine]:
        """The engine that the sessions write tickets to."""
        session = self.make()
        try:
            bind: Engine | Connection = session.get_bind(inspect(Ticket))
            return [bind.engine]
        finally:
            session.close()


class Counterfoil:
    """Tickets in a host application: `Counterfoil(app, db)` with Flask, else `Counterfoil(sessionmaker)`.

    `settings`: default, read from the environment. `redis_url`: where the bell hangs, default the settings'
    (`REDIS_URL`); without one nothing is rung and the scheduler's beat finds what is due. `opened_by`: tells
    who opens a ticket where nobody was named, for example `lambda: current_user.email`. `on_error`: called
    in the worker with the exception of each failure, the ticket and how it settled (`hooks.OnError`).
    Raises HostError when given neither a Flask app with its db nor a factory of sessions.
    """

    def __init__(
        self,
        app: Any = None,
        db: Any = None,
        *,
        settings: Settings | None = None,
        redis_url: str | None = None,
        registry: Registry = registry,
        opened_by: opener.Opener | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self.registry = registry
        self.opened_by = opened_by
        self.on_error = on_error
        if settings is None:
            unknown_settings.tell()
        self.settings = settings or read_settings()
        if settings is not None and settings.encryption_keys is not None:
            keyring.adopt(settings.keyring())
        self.redis_url = redis_url or self.settings.redis_url
        self.sessions: Sessions | None = None
        self._engines: list[Engine] | None = None
        if isinstance(app, sessionmaker | scoped_session):
            self._use(PlainSessions(app))
        elif app is not None:
            self.init_app(app, db)

    def init_app(self, app: Any, db: Any = None) -> None:
        """Flask's two-step pattern. `db`: the application's SQLAlchemy(), after its own init_app."""
        if not hasattr(app, "extensions"):
            if callable(app):
                self._use(PlainSessions(app))
                return
            raise HostError(
                f"Counterfoil(app, db) takes a Flask app and its db, or a sessionmaker, not {app!r}"
            )
        from .ext.flask import FlaskSessions

        self._use(FlaskSessions(app, db))
        app.extensions[EXTENSION] = copy(self)  # a factory may make another app with the same extension

    def waiting_at(self, path: str, wrapped: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        """The WSGI application with the waiting pages below `path` (`/wait` gives /wait/<token>).

        `app.wsgi_app = tickets.waiting_at("/wait", app.wsgi_app)`; options are those of `WaitingPages`.
        """
        return below(path, WaitingPages(lambda: self.engine.connect(), **options), wrapped)

    def session_scope(self) -> AbstractContextManager[Session]:
        """The host's session for one unit of work (Flask: in an app context), removed at the block's end."""
        return self._sessions.scope()

    def current_session(self) -> Session | None:
        """The session that the host hands out now; None where only the scope knows it."""
        return self._sessions.current()

    @property
    def engine(self) -> Engine:
        """The engine that holds the tickets."""
        return self.engines[0]

    @property
    def engines(self) -> list[Engine]:
        """Every engine of the host: a forked process disposes them all, without closing."""
        if self._engines is None:
            self._engines = self._sessions.engines()
        return self._engines

    @property
    def _sessions(self) -> Sessions:
        if self.sessions is None:
            raise HostError("this Counterfoil has no application yet: call init_app(app, db)")
        return self.sessions

    def _use(self, sessions: Sessions) -> None:
        self.sessions, self._engines = sessions, None
        for engine in self.engines:
            sqlite.prepare(engine)
        missing_tables.attach(self.engine)
        if self.opened_by is not None:
            opener.attach(self.engine, self.opened_by)
        if self.redis_url:
            from .bell import Bell

            ringing.attach(self.engine, Bell(self.redis_url))


def load_host(setting: str | None) -> Counterfoil:
    """The Counterfoil of `module:callable` (COUNTERFOIL_APP), imported from the current folder too.

    The callable returns a Flask app on which Counterfoil(app, db) was called, or a Counterfoil; it may also
    be one of the two itself. Raises HostError, naming what is missing and the cure.
    """
    if not setting or setting.count(":") != 1 or not all(setting.split(":")):
        raise HostError(f"COUNTERFOIL_APP={setting!r}: write module:callable, for example shop:create_app")
    module_name, attribute = setting.split(":")
    module = _import(module_name, setting)
    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise HostError(f"COUNTERFOIL_APP={setting}: the module {module_name} has no {attribute!r}")
        found = getattr(found, part)
    if not isinstance(found, Counterfoil) and not hasattr(found, "extensions"):
        if not callable(found):
            raise HostError(f"COUNTERFOIL_APP={setting}: {attribute} is neither callable nor an application")
        found = found()
    tickets = found if isinstance(found, Counterfoil) else getattr(found, "extensions", {}).get(EXTENSION)
    if not isinstance(tickets, Counterfoil):
        raise HostError(
            f"COUNTERFOIL_APP={setting}: no Counterfoil in the {type(found).__name__} it gives: call "
            "Counterfoil(app, db) where the application is made, or return a Counterfoil(sessionmaker)"
        )
    return tickets


def _import(name: str, setting: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        # First, so that a host's own modules win over whatever bears their names elsewhere.
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise HostError(
                f"COUNTERFOIL_APP={setting}: there is no module {error.name!r} in {here} or on PYTHONPATH"
            ) from None
        raise HostError(f"COUNTERFOIL_APP={setting}: importing {name} failed: {error}") from error
    except Exception as error:
        raise HostError(
            f"COUNTERFOIL_APP={setting}: importing {name} failed: {type(error).__name__}: {error}"
        ) from error
