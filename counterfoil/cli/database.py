"""A command's hands on the database: one transaction, the person who acts, and the bell after the commit."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import Connection

from ..acts import Actor
from ..database import make_engine
from ..schema import check
from ..settings import Settings, read_settings


@contextmanager
def transaction() -> Iterator[Connection]:
    """A transaction on DATABASE_URL, whose schema is the one that this code needs."""
    settings = read_settings()
    engine = make_engine(settings.database_url)
    try:
        check(engine)
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def me() -> Actor:
    """Who types: the operating system's user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(f"{name} (command line)", via="cli")


def ring(queues: set[str], settings: Settings | None = None) -> None:
    """Tell the workers that something may be due; without Redis the scheduler's beat does."""
    url = (settings or read_settings()).redis_url
    if url and queues:
        from ..bell import Bell

        Bell(url).ring(dict.fromkeys(queues, 0.0))


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(given: str) -> datetime | timedelta:
    """A time: ISO 8601 with a zone ("2026-11-20T14:00+01:00"), or from now ("90s", "30m", "24h", "7d")."""
    try:
        if given[-1:] in _UNITS and given[:-1].isdigit():
            return timedelta(**{_UNITS[given[-1]]: int(given[:-1])})
        found = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{given!r} is neither 2026-11-20T14:00+01:00 nor 30m, 24h, 7d") from None
    if found.tzinfo is None:
        raise click.BadParameter(f"{given!r} has no time zone: write for example {given}+01:00 or {given}Z")
    return found


def instant(value: datetime | timedelta | None) -> datetime | None:
    """The instant that a `moment` means, by this machine's clock."""
    return datetime.now(UTC) + value if isinstance(value, timedelta) else value
