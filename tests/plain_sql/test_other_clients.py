"""What psql and another language's client insert is run by a real worker, without a beat (O24)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from counterfoil.database import make_engine
from tests.crash.stage import Stage, wait_until
from tests.plain_sql import clients
from tests.plain_sql.app import Base
from tests.plain_sql.clients import insert_by_node, insert_by_psql
from tests.servers.process import ServerDidNotStart
from tests.worker.listening import hears, listening


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    made = make_engine(postgresql_url)
    Base.metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(text("INSERT INTO subscribers (id, name) VALUES (1, 'ACME'), (2, 'Binford')"))
    yield made
    made.dispose()


def test_tickets_inserted_by_psql_and_by_node_are_run_and_done(
    postgresql_url: str, engine: Engine, redis_url: str, tmp_path: Path
) -> None:
    stage = Stage(postgresql_url, engine, redis_url, tmp_path)
    inserters: list[Callable[..., int]] = [insert_by_psql, insert_by_node]
    try:
        worker = stage.worker("--queue", "numbers", settings={"COUNTERFOIL_APP": "tests.plain_sql.app:make"})
        with listening(engine, redis_url) as scheduler:
            hears(scheduler)
            for number, insert in enumerate(inserters, 1):
                ticket = insert(postgresql_url, "Subscriber.assign_number", f"Subscriber!{number}")
                # Nobody rings but the listener.
                wait_until(
                    lambda at=ticket: stage.row(at).state == "done",
                    "its end",
                    story=lambda at=ticket: stage.story(at),
                )
                row = stage.row(ticket)
                assert (row.queue, row.lane, row.priority) == ("numbers", f"number:Subscriber!{number}", 3)
                assert (row.attempts, row.receipt, row.opened_via) == (1, f"number {1000 + number}", "sql")
                assert row.delete_time is not None
        assert [tuple(row) for row in stage.query("SELECT id, number FROM subscribers ORDER BY id")] == [
            (1, 1001),
            (2, 1002),
        ]
        assert worker.stop() == 0
    finally:
        stage.close()


def test_a_machine_without_node_or_its_package_is_told_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text((clients.HERE / "package.json").read_text())
    with monkeypatch.context() as patched:
        patched.setattr(clients, "HERE", tmp_path)
        with pytest.raises(ServerDidNotStart, match=f"npm ci --prefix {tmp_path}"):
            clients.find_node()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerDidNotStart, match="apt-get install nodejs npm"):
        clients.find_node()
