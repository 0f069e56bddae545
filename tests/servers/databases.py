"""Fresh migrated databases, copied from one template per run and dialect."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, Engine, create_engine, make_url, text


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _migrate(url: str) -> None:
    from counterfoil.schema import upgrade

    upgrade(url)


def sqlite_template(folder: Path) -> Path:
    """A migrated file; made by the first process of the run that asks."""
    template = folder / "template.sqlite3"
    with _one_at_a_time(folder / "sqlite.lock"):
        if not template.exists():
            making = folder / "making.sqlite3"
            making.unlink(missing_ok=True)
            _migrate(f"sqlite:///{making}")
            if making.with_name(making.name + "-wal").exists():
                raise RuntimeError(
                    "counterfoil.schema.upgrade left a connection open: the template has a WAL"
                )
            making.rename(template)
    return template


def fresh_sqlite(folder: Path, target: Path) -> str:
    """The URL of a copy of the template at this path."""
    shutil.copyfile(sqlite_template(folder), target)
    return f"sqlite:///{target}"


@contextmanager
def fresh_postgresql(folder: Path, server_url: str) -> Iterator[str]:
    """The URL of a database copied from the template; dropped at the end, whoever is still connected."""
    server = make_url(server_url)
    template = _postgresql_template(folder, server)
    name = f"counterfoil_test_{uuid4().hex[:12]}"
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield _text(server.set(database=name))
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def empty_postgresql(server_url: str) -> Iterator[str]:
    """The URL of a database without any table, for tests of the migrations themselves."""
    server = make_url(server_url)
    name = f"counterfoil_test_{uuid4().hex[:12]}"
    _administer(server, f'CREATE DATABASE "{name}"')
    try:
        yield _text(server.set(database=name))
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def drop_postgresql_template(folder: Path, server_url: str) -> None:
    """Of use on a server that outlives the run (TEST_DATABASE_URL)."""
    named = folder / "template.postgresql"
    if named.exists():
        _administer(make_url(server_url), f'DROP DATABASE IF EXISTS "{named.read_text()}" WITH (FORCE)')


def _postgresql_template(folder: Path, server: URL) -> str:
    named = folder / "template.postgresql"
    with _one_at_a_time(folder / "postgresql.lock"):
        if not named.exists():
            name = f"counterfoil_template_{uuid4().hex[:12]}"
            _administer(server, f'CREATE DATABASE "{name}"')
            try:
                _migrate(_text(server.set(database=name)))
            except BaseException:
                _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')
                raise
            named.write_text(name)
    return named.read_text()


def _administer(server: URL, statement: str) -> None:
    with _administrator(server).connect() as connection:
        connection.execute(text(statement))


@cache
def _administrator(server: URL) -> Engine:
    """Kept, with its one connection: a new one for each statement took half of the time."""
    made = create_engine(server, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)
    _administrators.append(made)
    return made


_administrators: list[Engine] = []


def dismiss() -> None:
    """Close what `_administer` kept open in this process."""
    while _administrators:
        _administrators.pop().dispose()
    _administrator.cache_clear()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
