"""What a worker does before it serves: refusals in one line, and what it writes down."""

import pytest
from sqlalchemy import create_engine

from tests.crash.stage import Stage


def test_it_refuses_to_start_when_the_application_keeps_its_tickets_elsewhere(
    sqlite_stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "other.sqlite3"
    worker = sqlite_stage.worker(settings={"CRASH_DATABASE_URL": f"sqlite:///{other}"})
    assert worker.wait() == 2
    assert "keeps its tickets in" in worker.text()
    assert "Traceback" not in worker.text()
    assert sqlite_stage.query("SELECT name FROM counterfoil_workers") == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"COUNTERFOIL_APP": "tests.crash.nothing:make"}, "tests.crash.nothing"),
        ({"COUNTERFOIL_APP": "tests.crash.app:nothing"}, "nothing"),
        ({"COUNTERFOIL_APP": ""}, "COUNTERFOIL_APP"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"COUNTERFOIL_RENEW_SECONDS": "50"}, "renew_seconds"),
    ],
)
def test_it_refuses_nonsense_with_one_line_that_names_the_thing(
    sqlite_stage: Stage, settings: dict[str, str], said: str
) -> None:
    worker = sqlite_stage.worker(settings=settings)
    assert worker.wait() == 2
    assert said in worker.text()
    assert "Traceback" not in worker.text()


def test_it_refuses_a_queue_whose_name_is_none(sqlite_stage: Stage) -> None:
    worker = sqlite_stage.worker("--queue", "a\nb")
    assert worker.wait() == 2
    assert "--queue" in worker.text()


def test_it_refuses_a_database_without_the_tables(
    sqlite_stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = f"sqlite:///{tmp_path_factory.mktemp('empty')}/empty.sqlite3"
    create_engine(empty).connect().close()
    worker = sqlite_stage.worker(settings={"DATABASE_URL": empty})
    assert worker.wait() == 2
    assert "db upgrade" in worker.text()
    assert "Traceback" not in worker.text()


def test_it_writes_down_what_it_knows_and_that_it_lives(stage: Stage) -> None:
    worker = stage.worker(
        "--queue", "numbers", "--queue", "default", settings={"COUNTERFOIL_APP_VERSION": "7"}
    )
    [row] = stage.query("SELECT sort, pid, queues, app_version, seen_at, seen_until FROM counterfoil_workers")
    assert (row.sort, row.pid, row.app_version) == ("worker", worker.pid, "7")
    assert "numbers" in str(row.queues)
    assert row.seen_until > row.seen_at
    known = dict(stage.query("SELECT name, known_until FROM counterfoil_view_models"))
    assert known["Crash.work"] is not None
    queues = {row.name for row in stage.query("SELECT name FROM counterfoil_queues")}
    assert {"numbers", "default"} <= queues
    stage.renewed("SELECT seen_until FROM counterfoil_workers")
    assert worker.stop() == 0


def test_without_queues_it_serves_all_that_its_view_models_name(stage: Stage) -> None:
    worker = stage.worker("--burst")
    assert "queues default" in worker.text()
    assert worker.wait() == 0


def test_a_burst_runs_what_is_due_without_redis_and_ends(stage: Stage) -> None:
    tickets = [stage.open(ring=False) for _ in range(3)] + [stage.open(ring=False, before="kill")]
    worker = stage.worker("--burst", settings={"REDIS_URL": ""})
    assert worker.wait() == 0
    # Opened before any worker had known the view model: they are aside until the next beat.
    assert {stage.row(ticket).aside for ticket in tickets} == {"unknown"}
    stage.known()
    again = stage.worker("--burst", settings={"REDIS_URL": ""})
    assert again.wait() == 0
    assert [stage.row(ticket).state for ticket in tickets[:3]] == ["done"] * 3
    assert stage.row(tickets[3]).attempts >= 1
