"""The stage of crash tests, on either database, with the run's Redis or with one of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from counterfoil.database import make_engine
from tests.crash.stage import Stage
from tests.servers import RedisServer


@pytest.fixture
def stage(database_url: str, engine: Engine, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(database_url, engine, redis_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def own_redis_stage(
    database_url: str, engine: Engine, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Stage]:
    """A stage whose Redis may be stopped, frozen and emptied: `redis_server`."""
    made = Stage(database_url, engine, redis_server.url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def sqlite_stage(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """For what has nothing to do with the database."""
    engine = make_engine(sqlite_url)
    made = Stage(sqlite_url, engine, redis_url, tmp_path)
    yield made
    made.close()
    engine.dispose()
