"""The shop on a database of the test's own, and its service as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from examples.shop.app import create_app
from examples.shop.client import ServiceAway, call
from examples.shop.db import db
from tests.servers.process import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The shop, with its tables, on SQLite and on PostgreSQL."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SHOP_PRINT_SECONDS", "0")
    app = create_app()
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def browser(shop: Flask) -> FlaskClient:
    """Presses the shop's buttons."""
    return shop.test_client()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The fulfilment service, running; the shop knows where. Gives the address that takes its weather."""
    port = free_port(2)
    command = [sys.executable, "-m", "examples.shop", "service", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SHOP_SERVICE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("SHOP_SERVICE_TIMEOUT_SECONDS", "60")
    control = f"http://127.0.0.1:{port + 1}/weather"
    end = time.monotonic() + 60
    try:
        while True:
            try:
                call(control)
                break
            except ServiceAway:
                assert time.monotonic() < end, "the service does not start"
                time.sleep(0.05)
        yield control
    finally:
        process.terminate()
        code = process.wait(timeout=60)
    assert code == 0


def rows(database: Flask, query: str) -> list[tuple[object, ...]]:
    """What another connection sees: what is committed."""
    with database.app_context(), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def session(shop: Flask) -> Iterator[Session]:
    """The shop's session, as its own tests use it: never committed, rolled back at the end."""
    with shop.app_context():
        yield db.session()
        db.session.rollback()
    assert rows(shop, "SELECT count(*) FROM counterfoil_tickets") == [(0,)], "a test has committed"
