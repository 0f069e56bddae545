"""F35: processes of the release before go on beside those of this one while the database is migrated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from counterfoil import schema, settle
from counterfoil.database import make_engine
from counterfoil.errors import Failure
from counterfoil.running import Outcome
from tests.counterfoil.core import Bench

FIRST_RELEASE = "0007"


@pytest.fixture
def old(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """A database as the first release left it, of the dialect of `engine`."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    if engine.dialect.name == "postgresql":
        url = str(request.getfixturevalue("empty_postgresql_url"))
    made = make_engine(url)
    schema.upgrade(made, FIRST_RELEASE)
    yield made
    made.dispose()


def columns(engine: Engine) -> dict[str, dict[str, Any]]:
    look = inspect(engine)
    return {table: {c["name"]: c for c in look.get_columns(table)} for table in look.get_table_names()}


def test_a_later_release_takes_no_column_away_and_asks_for_none(old: Engine) -> None:
    """So that the statements of the code before still hold."""
    revisions = [script.revision for script in ScriptDirectory.from_config(schema.config()).walk_revisions()]
    for revision in reversed(revisions[: revisions.index(FIRST_RELEASE)]):
        before = columns(old)
        schema.upgrade(old, revision)
        after = columns(old)
        for table, known in before.items():
            gone = known.keys() - after[table].keys()
            assert not gone, f"{revision} takes {gone} away from {table}"
            for name, column in after[table].items():
                asked = name not in known and not column["nullable"] and column["default"] is None
                assert not asked, (
                    f"{revision} asks for {table}.{name}, which the release before does not write"
                )


def test_tickets_under_way_during_the_migration_settle_by_old_code_and_by_new(old: Engine) -> None:
    bench = Bench(old)
    bench.work("Old.work", max_attempts=3)
    finishing, failing, lost, waiting = [bench.open("Old.work") for _ in range(4)]
    lease, dying = bench.lease(), bench.lease(seconds=-1)
    claimed = [bench.claim(lease), bench.claim(lease), bench.claim(dying)]
    written_by_old = columns(old)["counterfoil_attempts"].keys() - {"id"}

    schema.upgrade(old)

    first, second, _ = claimed
    assert first is not None
    assert second is not None
    assert bench.run(first) == Outcome("finish")
    with old.begin() as connection:
        failure = Failure("run", "ValueError: no")
        assert settle.fail_attempt(connection, failing, second.fence, failure) == "pending"
    names = ", ".join(sorted(written_by_old - {"ended_at"}))
    [attempt] = bench.all(f"SELECT {names} FROM counterfoil_attempts")
    bench.execute("DELETE FROM counterfoil_attempts")
    bench.execute(  # as the old code writes it
        f"INSERT INTO counterfoil_attempts ({names}) VALUES (:{names.replace(', ', ', :')})",
        **dict(attempt._mapping),
    )
    with old.begin() as connection:
        assert settle.lapse(connection) == [lost]
    bench.execute("UPDATE counterfoil_tickets SET retry_at = NULL WHERE state = 'pending'")
    assert sorted(bench.drain()) == [(failing, "finish"), (lost, "finish"), (waiting, "finish")]
    rows = {ticket: bench.row(ticket) for ticket in (finishing, failing, lost, waiting)}
    assert {ticket: (row.state, row.attempts) for ticket, row in rows.items()} == {
        finishing: ("done", 1),
        failing: ("done", 2),
        lost: ("done", 2),
        waiting: ("done", 1),
    }
    with old.connect() as connection:
        found = connection.execute(text("SELECT outcome FROM counterfoil_attempts ORDER BY id")).scalars()
        assert [*found] == ["back off", "lapse"]
