"""A table of tickets that is large enough for a wrong plan to show; made once for all who look at plans."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, bindparam, create_engine, text

from console.database import BY_AN_INDEX
from counterfoil.columns import Utc
from counterfoil.pooler import set_for_each
from counterfoil.sqlite import prepare
from counterfoil.text_index import catch_up
from tests.console.tickets.cast import fill
from tests.servers.databases import fresh_postgresql, fresh_sqlite

COUNT = 200_000
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def large(
    request: pytest.FixtureRequest, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    if request.param == "sqlite":
        yield from _filled(fresh_sqlite(run_folder, tmp_path_factory.mktemp("large") / "large.sqlite3"))
    else:
        server = request.getfixturevalue("postgresql_server_url")
        with fresh_postgresql(run_folder, server) as url:
            yield from _filled(url)


_PARAMS = """
INSERT INTO counterfoil_params (ticket_id, name, value)
SELECT id, 'order_id', CASE WHEN id % 20000 = 0 THEN 'rare' ELSE 'common' END FROM counterfoil_tickets
WHERE id % 10 = 0
"""


# Long over: 40,000 that ended in the ten seconds that the sampler reads would be a reason to read everything.
_ATTEMPTS = text(
    """
INSERT INTO counterfoil_attempts (ticket_id, claim, outcome, app_version, ended_at)
SELECT id, 1, 'error', 'a1b2c3', :ended FROM counterfoil_tickets WHERE id % 5 = 0
"""
).bindparams(bindparam("ended", LONG_AGO, Utc()))


def _filled(url: str) -> Iterator[Connection]:
    engine = prepare(create_engine(url))
    if engine.dialect.name == "postgresql":
        set_for_each(engine, **BY_AN_INDEX)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # When autovacuum comes is chance, and its sample is a smaller one.
            for table in ("tickets", "params", "attempts"):
                connection.execute(text(f"ALTER TABLE counterfoil_{table} SET (autovacuum_enabled = off)"))
        fill(connection, COUNT)
        connection.execute(text(_PARAMS))
        connection.execute(_ATTEMPTS)
        while engine.dialect.name == "sqlite" and catch_up(connection, COUNT):
            pass
        connection.commit()
        _as_after_a_day(engine)
        yield connection
    engine.dispose()


def _as_after_a_day(engine: Engine) -> None:
    """Statistics as the server would have made them by then."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            # The very row that is looked for may be in a small sample, by chance: it would pass for common.
            connection.execute(text("SET default_statistics_target = 1000"))
            connection.execute(text("VACUUM (ANALYZE)"))
        else:
            connection.execute(text("ANALYZE"))
