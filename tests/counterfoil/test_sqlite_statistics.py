"""A SQLite database that nobody has ever analysed takes the indexes that were made for the question."""

import pytest
from sqlalchemy import Engine

from counterfoil import schema
from counterfoil.database import make_engine
from counterfoil.sqlite_statistics import STATISTICS
from counterfoil.ticket import CLAIMED_BEFORE, UNCLAIMED, Ticket

NOW = "'2026-01-01 00:00:00.000000'"
PURGE = (
    "SELECT id FROM counterfoil_tickets WHERE done IS NOT NULL AND kept IS NULL AND "
    f"delete_time <= {NOW} AND state IN ('done','errored','expired','failed') ORDER BY delete_time, id"
)


@pytest.fixture
def fresh(sqlite_url: str) -> Engine:
    return make_engine(sqlite_url)


def plan(engine: Engine, query: str) -> str:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").fetchall()
    engine.dispose()
    return "; ".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            PURGE,
            "purge",
        ),
        (
            "SELECT id FROM counterfoil_tickets WHERE state = 'failed' AND done IS NOT NULL "
            "ORDER BY done DESC, id DESC LIMIT 50",
            "final",
        ),
        (
            "SELECT error FROM counterfoil_tickets WHERE state = 'errored' AND done IS NOT NULL "
            "ORDER BY done DESC, id DESC LIMIT 50",
            "errored",
        ),
        (
            f"SELECT count(*) FROM counterfoil_tickets WHERE {UNCLAIMED} AND due_at > {NOW}",
            "unclaimed",
        ),
        (
            f"SELECT count(*) FROM counterfoil_tickets WHERE {CLAIMED_BEFORE} AND due_at > {NOW}",
            "retrying",
        ),
        (
            "SELECT id FROM counterfoil_tickets WHERE state = 'pending' AND aside = 'unknown' "
            "AND view_model = 'Work' ORDER BY aside, view_model, id LIMIT 1",
            "aside",
        ),
        (
            "SELECT id FROM counterfoil_tickets WHERE state = 'pending' AND NOT turn AND aside IS NULL "
            "AND lane IS NOT NULL AND lane > 'x' ORDER BY lane, queue LIMIT 1",
            "wait",
        ),
        (
            "SELECT id FROM counterfoil_tickets WHERE root_id = 'Customer!42' ORDER BY id DESC LIMIT 50",
            "root",
        ),
    ],
)
def test_the_planner_takes_the_index_that_was_made_for_it(fresh: Engine, query: str, index: str) -> None:
    assert f"USING INDEX counterfoil_tickets_{index} " in plan(fresh, query).replace(
        "COVERING INDEX", "INDEX"
    )


def test_without_them_it_takes_another_one(fresh: Engine) -> None:
    with fresh.begin() as connection:
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    fresh.dispose()  # statistics are read when a connection is opened
    assert "counterfoil_tickets_final" in plan(fresh, PURGE)


def test_every_index_named_is_one_of_the_tables_with_its_columns() -> None:
    indexes = {
        str(index.name).removeprefix("counterfoil_tickets_"): index for index in Ticket.__table__.indexes
    }  # type: ignore[attr-defined]
    for name, stat in STATISTICS.items():
        assert len(stat.split()) == 1 + len(indexes[name].expressions), name


def test_an_upgrade_that_finds_nothing_to_do_keeps_them(sqlite_url: str) -> None:
    schema.upgrade(sqlite_url)
    engine = make_engine(sqlite_url)
    with engine.connect() as connection:
        count = connection.exec_driver_sql(
            "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'counterfoil_tickets'"
        ).scalar_one()
    engine.dispose()
    assert count == len(STATISTICS)
