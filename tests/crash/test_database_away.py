"""F9, F10: PostgreSQL is restarted under running work; a single connection is cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from counterfoil import schema
from tests.crash.stage import SHORT, Stage
from tests.servers.postgres import PostgresServer


@pytest.fixture
def server(run_folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which it may stop and start."""
    # What was committed before the immediate stop is there after it.
    made = PostgresServer(run_folder / f"postgres-{uuid4().hex[:8]}", durable=True)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own_stage(server: PostgresServer, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    schema.upgrade(server.url)
    with _stage(server.url, redis_url, tmp_path) as made:
        yield made


@pytest.fixture
def postgresql_stage(postgresql_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    with _stage(postgresql_url, redis_url, tmp_path) as made:
        yield made


@contextmanager
def _stage(url: str, redis_url: str, folder: Path) -> Iterator[Stage]:
    engine = create_engine(url, pool_pre_ping=True)
    made = Stage(url, engine, redis_url, folder)
    yield made
    made.close()
    engine.dispose()


def test_work_that_runs_while_the_database_is_restarted_is_not_lost_and_not_doubled(
    server: PostgresServer, own_stage: Stage
) -> None:
    stage = own_stage
    # The lease runs out in the outage; nothing lapses, for nobody has seen the database take a write.
    worker = stage.worker(settings=SHORT)
    healthy = stage.open(before="wait")  # nothing written yet
    stage.marked(f"started {healthy} 1")
    server.stop()
    stage.pass_time(1.5, lambda: worker.process.poll() is None)
    server.start()
    worker.said("taken up again")
    stage.let_go()
    row = stage.reached(healthy, "done")
    assert (row.attempts, row.state) == (1, "done")
    assert worker.stop() == 0
    stage.check(at_rest=False)


def test_work_whose_transaction_is_cut_is_postponed_and_its_attempt_given_back(
    server: PostgresServer, own_stage: Stage
) -> None:
    stage = own_stage
    worker = stage.worker()
    ticket = stage.open(what="wait")  # its effect is written and not committed
    stage.marked(f"started {ticket} 1")
    server.stop()
    server.start()
    stage.let_go(2)
    row = stage.reached(ticket, "done")
    assert row.attempts == 1
    assert row.postponed_count >= 1
    worker.stop()
    stage.check()


def test_the_parents_connection_is_cut_and_comes_back_within_the_lease(postgresql_stage: Stage) -> None:
    stage = postgresql_stage
    worker = stage.worker()
    ticket = stage.open(before="wait")
    stage.marked(f"started {ticket} 1")
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with stage.engine.begin() as connection:
        assert connection.execute(text(f"{cut} AND datname = current_database()")).scalar_one() > 0
    stage.renewed("SELECT until FROM counterfoil_drains")
    stage.let_go(2)
    row = stage.reached(ticket, "done")
    assert row.attempts == 1
    worker.stop()
    stage.check()
