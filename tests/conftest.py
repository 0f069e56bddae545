"""Servers, databases and sessions for every test.

``database_url`` runs a test on SQLite and on PostgreSQL; ``sqlite_url`` and ``postgresql_url`` on one.
``redis_url`` is shared and cheap; ``redis_server`` is a test's own and may be killed.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from tests.servers import Keeper, RedisServer
from tests.servers.chromium import find_chromium
from tests.servers.databases import (
    dismiss,
    drop_postgresql_template,
    empty_postgresql,
    fresh_postgresql,
    fresh_sqlite,
)
from tests.servers.keeper import ask, in_memory

KEEPER = pytest.StashKey[Keeper]()
FOLDER = pytest.StashKey[Path]()

# Two cores are shared by whatever runs beside us: a deadline would measure the neighbours.
settings.register_profile("counterfoil", deadline=None)
settings.load_profile("counterfoil")


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    if given:
        config.stash[FOLDER] = Path(given["counterfoil_folder"])
        return
    # A developer's own settings are not the tests'.
    for name in [*os.environ]:
        if name.startswith("COUNTERFOIL_") or name in ("DATABASE_URL", "REDIS_URL"):
            del os.environ[name]
    keeper = Keeper()
    config.stash[KEEPER] = keeper
    config.stash[FOLDER] = keeper.folder
    if in_memory():
        # Files of tests too; gone with the run's folder.
        temporary = keeper.folder / "tests"
        temporary.mkdir()
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(temporary))
    signal.signal(signal.SIGTERM, _like_ctrl_c)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["counterfoil_folder"] = str(node.config.stash[FOLDER])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEEPER not in config.stash:
        dismiss()
        return
    try:
        if given := os.environ.get("TEST_DATABASE_URL"):
            drop_postgresql_template(config.stash[FOLDER], given)
    finally:
        dismiss()
        config.stash[KEEPER].close()


def _like_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def own_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process adopts its policy once; a test that does so must not leave it to those after it."""
    from counterfoil import keyring, policy

    monkeypatch.setattr(keyring, "_adopted", None)
    monkeypatch.setattr(policy, "_current", policy.current())


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """A folder that all processes of this test run share; gone at its end."""
    return pytestconfig.stash[FOLDER]


@pytest.fixture(scope="session")
def postgresql_server_url(run_folder: Path) -> str:
    """A server on which databases may be created: TEST_DATABASE_URL, else one of the run's own."""
    return os.environ.get("TEST_DATABASE_URL") or ask(run_folder, "postgres")


@pytest.fixture
def sqlite_url(run_folder: Path, tmp_path: Path) -> str:
    """A migrated SQLite file of this test's own."""
    return fresh_sqlite(run_folder, tmp_path / "counterfoil.sqlite3")


@pytest.fixture
def postgresql_url(run_folder: Path, postgresql_server_url: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    with fresh_postgresql(run_folder, postgresql_server_url) as url:
        yield url


@pytest.fixture
def empty_postgresql_url(postgresql_server_url: str) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    with empty_postgresql(postgresql_server_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own; the test runs once per dialect."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on ``database_url``, with our listeners when it is SQLite's."""
    if database_url.startswith("sqlite"):
        from counterfoil.sqlite import prepare

        made = prepare(create_engine(database_url))
    else:
        # As on every engine of ours: to compile a loose scan costs seconds of a busy machine.
        made = create_engine(database_url, connect_args={"options": "-c jit=off"})
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as made:
        yield made


@pytest.fixture
def redis_url(run_folder: Path, worker_id: str) -> str:
    """An empty database of the run's Redis (TEST_REDIS_URL, else its own), one for each worker of xdist."""
    from redis import Redis

    base = os.environ.get("TEST_REDIS_URL") or ask(run_folder, "redis")
    server, _, number = base.rpartition("/") if base.count("/") > 2 else (base, "", "0")
    own = int(number or 0) + (0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1)
    url = f"{server}/{own}"
    with Redis.from_url(url) as connection:
        connection.flushdb()
    return url


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this test's own, running: stop, kill, freeze or start it as the test likes."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """For `tests.servers.chromium.running`."""
    return find_chromium()
