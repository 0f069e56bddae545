"""Each finding of the doctor, proven by breaking the thing; and nothing found when all is well."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert, text

from counterfoil.cli import main, siblings
from counterfoil.clock import later
from counterfoil.doctor import clocks
from counterfoil.doctor.redis import RedisFacts, redis
from counterfoil.tables import Notice, Process, ViewModelRecord
from tests.servers import RedisServer

HOUR = timedelta(hours=1)
SECRET = "0123456789abcdef" * 4


class Patient:
    """An installation that is well, to be broken by a test."""

    def __init__(self, engine: Engine, redis_url: str, data: Path) -> None:
        self.engine = engine
        self.environment = {
            "DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "REDIS_URL": redis_url,
            "COUNTERFOIL_SECRET_KEY": SECRET,
            "COUNTERFOIL_DATA": str(data),
        }
        with engine.begin() as connection:
            rows = [("scheduler", None), ("worker", ["default"])]
            for sort, queues in rows:
                row = {"name": sort, "sort": sort, "queues": queues, "seen_until": later(HOUR)}
                connection.execute(insert(Process).values(row))
            known = {"name": "Work", "sort": "target", "known_until": later(HOUR)}
            connection.execute(insert(ViewModelRecord).values(known))

    def do(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def open(self, view_model: str = "Work", queue: str = "default") -> None:
        self.do(f"INSERT INTO counterfoil_tickets (view_model, queue) VALUES ('{view_model}', '{queue}')")

    def findings(self) -> dict[str, str]:
        """check -> what; at most one of a sort is expected."""
        done = CliRunner().invoke(main, ["doctor", "--json"], env=self.environment)
        answer = json.loads(done.output)
        assert done.exit_code == (1 if answer["findings"] else 0)
        assert answer["ok"] == (not answer["findings"])
        assert all(finding["cure"] for finding in answer["findings"])
        return {finding["check"]: finding["what"] for finding in answer["findings"]}


@pytest.fixture
def patient(engine: Engine, redis_url: str, tmp_path: Path) -> Patient:
    return Patient(engine, redis_url, tmp_path)


def test_nothing_is_found_when_all_is_well(patient: Patient) -> None:
    patient.open()
    assert patient.findings() == {}
    done = CliRunner().invoke(main, ["doctor"], env=patient.environment)
    assert done.exit_code == 0
    assert "all is well" in done.output


def test_a_setting_that_is_none(patient: Patient) -> None:
    patient.environment["COUNTERFOIL_LEASE_SECOND"] = "1"
    assert "did you mean COUNTERFOIL_LEASE_SECONDS?" in patient.findings()["settings"]


def test_an_older_schema(patient: Patient) -> None:
    patient.do("DELETE FROM counterfoil_alembic_version")
    assert "without Counterfoil's tables" in patient.findings()["schema"]


def test_a_newer_schema(patient: Patient) -> None:
    patient.do("UPDATE counterfoil_alembic_version SET version_num = '9999'")
    found = patient.findings()
    assert "newer than this code" in found["schema"]
    assert "9999" in found["schema"]


def test_a_missing_trigger(patient: Patient) -> None:
    on = " ON counterfoil_tickets" if patient.engine.dialect.name == "postgresql" else ""
    name = "counterfoil_tickets_decide" + ("" if on else "_insert")
    patient.do(f"DROP TRIGGER {name}{on}")
    assert name in patient.findings()["triggers"]


def test_a_trigger_that_is_switched_off(postgresql_url: str, redis_url: str, tmp_path: Path) -> None:
    from counterfoil.database import make_engine

    engine = make_engine(postgresql_url)
    patient = Patient(engine, redis_url, tmp_path)
    patient.do("ALTER TABLE counterfoil_trail DISABLE TRIGGER counterfoil_trail_append_only")
    assert "counterfoil_trail_append_only" in patient.findings()["triggers"]
    engine.dispose()


@pytest.mark.parametrize(("hours", "words"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_off_by_an_hour(engine: Engine, hours: int, words: str) -> None:
    (found,) = clocks.skew(engine, lambda: datetime.now(UTC) + timedelta(hours=hours))
    assert words in found.what
    assert [*clocks.skew(engine)] == []


def test_a_redis_that_does_not_answer(patient: Patient, redis_server: RedisServer) -> None:
    patient.environment["REDIS_URL"] = redis_server.url
    assert patient.findings() == {}
    redis_server.stop()
    assert "does not answer" in patient.findings()["redis"]


def test_a_redis_that_is_not_named(patient: Patient) -> None:
    del patient.environment["REDIS_URL"]
    assert "REDIS_URL is not set" in patient.findings()["redis"]


def test_a_redis_that_throws_keys_away(patient: Patient, redis_server: RedisServer) -> None:
    from redis import Redis

    patient.environment["REDIS_URL"] = redis_server.url
    with Redis.from_url(redis_server.url) as connection:
        connection.config_set("maxmemory-policy", "allkeys-lru")
    assert "maxmemory-policy allkeys-lru" in patient.findings()["redis"]


def test_a_redis_that_is_too_old_or_a_replica() -> None:
    (old,) = redis(RedisFacts("redis://r", version="6.0.16", policy="noeviction"))
    assert "version 6.0.16" in old.what
    (replica,) = redis(RedisFacts("redis://r", version="7.2.4", policy="noeviction", role="slave"))
    assert "takes no writes" in replica.what
    assert [*redis(RedisFacts("redis://r", version="6.2.0", policy="noeviction"))] == []


def test_no_live_scheduler(patient: Patient) -> None:
    patient.do(
        "UPDATE counterfoil_workers SET seen_until = '2020-01-01 00:00:00.000000' WHERE sort = 'scheduler'"
    )
    assert "no scheduler lives" in patient.findings()["scheduler"]


def test_no_worker_for_a_queue_with_waiting_tickets(patient: Patient) -> None:
    patient.open(queue="numbers")
    assert "'numbers', in which 1 ticket is due" in patient.findings()["workers"]


def test_view_models_that_no_worker_knows(patient: Patient) -> None:
    patient.open("os.system")
    assert "'os.system'" in patient.findings()["view models"]


def test_view_models_whose_last_worker_is_gone(patient: Patient) -> None:
    patient.open()
    patient.do("UPDATE counterfoil_view_models SET known_until = '2020-01-01 00:00:00.000000'")
    assert "'Work'" in patient.findings()["view models"]


def test_notices_that_were_given_up(patient: Patient) -> None:
    given_up = {"person": "ada", "occasion": "errored", "topic": "f", "channel": "email"}
    for number, error in ((1, None), (2, "SMTP 550: no such mailbox")):
        with patient.engine.begin() as connection:
            at = later(timedelta(minutes=number))
            connection.execute(insert(Notice).values(**given_up, failed_at=at, error=error))
        told = patient.findings()["notices"]
        assert told == (
            "2 notices were given up, the latest to ada by email: SMTP 550: no such mailbox"
            if error
            else "a notice was given up, the latest to ada by email: no reason is noted"
        )
    CliRunner().invoke(main, ["notices", "send-again", "--all"], env=patient.environment)
    assert "notices" not in patient.findings()


@pytest.mark.parametrize(("key", "words"), [("short", "has 5 characters"), ("a" * 64, "guessable")])
def test_a_weak_secret(patient: Patient, key: str, words: str) -> None:
    patient.environment["COUNTERFOIL_SECRET_KEY"] = key
    assert words in patient.findings()["secret"]


def test_a_secret_that_others_can_read(patient: Patient, tmp_path: Path) -> None:
    del patient.environment["COUNTERFOIL_SECRET_KEY"]
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)
    assert "can be read by other users" in patient.findings()["secret"]
    file.chmod(0o600)
    assert patient.findings() == {}


def test_no_secret_in_production(patient: Patient) -> None:
    del patient.environment["COUNTERFOIL_SECRET_KEY"]
    assert patient.findings() == {}
    patient.environment["COUNTERFOIL_ENVIRONMENT"] = "production"
    assert "not set in production" in patient.findings()["secret"]


def test_a_database_that_does_not_answer(patient: Patient) -> None:
    patient.environment["DATABASE_URL"] = "postgresql://nobody:hidden@127.0.0.1:1/none"
    found = patient.findings()["database"]
    assert "does not answer" in found
    assert "hidden" not in found


def test_a_database_file_that_is_not_there_is_not_made(patient: Patient, tmp_path: Path) -> None:
    patient.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/none.sqlite3"
    assert "there is no file" in patient.findings()["database"]
    assert not (tmp_path / "none.sqlite3").exists()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where our packages are looked for."""
    monkeypatch.setattr(siblings, "BESIDE", tmp_path)
    return tmp_path


def test_a_package_of_somebody_else_in_the_place_of_ours(patient: Patient, elsewhere: Path) -> None:
    for package in ("console", "worker"):
        (elsewhere / package).mkdir()
        (elsewhere / package / "__init__.py").write_text("# another distribution's\n")
    assert "belongs to something else" in patient.findings()["modules"]


def test_a_single_module_in_the_place_of_ours(patient: Patient, elsewhere: Path) -> None:
    (elsewhere / "worker.py").write_text("")
    done = CliRunner().invoke(main, ["doctor"], env=patient.environment)
    assert f"{elsewhere / 'worker.py'} stands there instead" in done.output
