"""The cast: ada is an administrator, otto an operator, vera a viewer; a stranger has no name."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Connection, Engine, insert

from console import passwords
from console.app import create_console
from console.database import db
from counterfoil.settings import Settings
from counterfoil.tables import User

from .browser import PASSWORD, Browser

KEY = "a key for tests, and long enough for them"
CAST = {"ada": "admin", "otto": "operator", "vera": "viewer"}


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A quarter of a second for each sign-in is for attackers."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def settings(engine: Engine, tmp_path: Path) -> Settings:
    """Of a console on this test's database."""
    return Settings(
        database_url=engine.url.render_as_string(hide_password=False),
        data=tmp_path,
        secret_key=KEY,
    )


@pytest.fixture
def make_console(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """Makes consoles with other settings; their connections are closed at the end."""
    made: list[Flask] = []

    def make(**overrides: object) -> Flask:
        made.append(create_console(settings, **overrides))
        return made[-1]

    yield make
    for console in made:
        with console.app_context():
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture
def console(make_console: Callable[..., Flask]) -> Flask:
    """A console on this test's database."""
    return make_console()


@pytest.fixture
def cast(engine: Engine, cheap_passwords: None) -> None:
    """Ada, Otto and Vera have passwords."""
    with engine.begin() as connection:
        for name, role in CAST.items():
            enter(connection, name, role)


def enter(connection: Connection, name: str, role: str) -> None:
    """A user who can sign in."""
    hashed = passwords.hash_password(PASSWORD)
    connection.execute(insert(User).values(name=name, role=role, password_hash=hashed))


@pytest.fixture
def stranger(console: Flask) -> Browser:
    """Nobody has signed in."""
    return Browser(console)


@pytest.fixture
def signed_in(console: Flask, cast: None) -> Callable[[str], Browser]:
    """A browser in which that person of the cast has signed in."""

    def enter_as(name: str) -> Browser:
        browser = Browser(console)
        assert browser.sign_in(name).status_code == 303
        return browser

    return enter_as


@pytest.fixture
def ada(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in("ada")


@pytest.fixture
def otto(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in("otto")


@pytest.fixture
def vera(signed_in: Callable[[str], Browser]) -> Browser:
    return signed_in("vera")
