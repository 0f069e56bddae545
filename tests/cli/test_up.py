"""`counterfoil up`: what keeps it from starting; and a whole life with real processes."""

import json
import os
import signal
import socket
import sqlite3
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.servers.process import free_port
from worker.supervisor.embedded_redis import EmbeddedRedis
from worker.supervisor.folder import DataFolder
from worker.supervisor.ports import in_a_row
from worker.supervisor.refusals import CannotStart, PortBusy

from .installation import Installation, until

pytestmark = pytest.mark.timeout(900)  # some starts of eight processes, on cores that others use too


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.clean()


def test_a_ticket_is_run_and_a_clean_stop_leaves_no_process_and_keeps_the_data(
    installation: Installation,
) -> None:
    installation.up()
    told = installation.told()
    assert "first administrator, once: http://127.0.0.1:" in told
    with urllib.request.urlopen(installation.address() + "/healthz") as answer:
        assert answer.status == 200
    assert stat.S_IMODE((installation.data / "secret").stat().st_mode) == 0o600
    opened = installation.run("tickets", "open", "Greeter.greet", "--param", 'name="Ada"')
    assert opened.returncode == 0, opened.stderr

    def receipt() -> str:
        with sqlite3.connect(installation.data / "counterfoil.sqlite3") as connection:
            found = connection.execute("SELECT state, receipt FROM counterfoil_tickets").fetchone()
        connection.close()
        return str(found)

    until(lambda: receipt() == "('done', '\"hello Ada\"')")
    assert len(installation.processes()) >= 5
    assert installation.stop() == 0
    until(lambda: installation.processes() == [], 30)
    assert "stopped" in installation.told().splitlines()[-1]
    assert not (installation.data / "valkey.sock").exists()
    assert receipt() == "('done', '\"hello Ada\"')"


def test_nothing_outlives_a_supervisor_that_is_killed(installation: Installation) -> None:
    installation.up()
    assert installation.process
    assert len(installation.processes()) >= 5
    installation.process.send_signal(signal.SIGKILL)
    installation.process.wait()
    until(lambda: installation.processes() == [], 60)
    installation.up()  # and the folder is free again
    assert installation.stop() == 0


def test_what_dies_is_started_again(installation: Installation) -> None:
    installation.up()
    until(lambda: "this scheduler leads" in installation.told())
    led = installation.told().count("this scheduler leads")
    os.kill(installation.pid_of("scheduler"), signal.SIGKILL)
    until(lambda: "scheduler was killed by SIGKILL; starting it again in 0.5 s" in installation.told())
    until(lambda: installation.told().count("this scheduler leads") > led)
    assert installation.stop() == 0


def refused(installation: Installation, *arguments: str, **environment: str) -> tuple[int, str]:
    installation.environment |= environment
    done = installation.run("up", *arguments)
    assert "Traceback" not in done.stderr
    assert installation.processes() == [] if installation.process else True
    return done.returncode, done.stderr


def test_a_busy_port_is_named_with_who_wants_it(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = refused(installation, "--port", str(port), "--data", str(installation.data))
    assert code == 3
    assert f"port {port}, wanted for the console, is busy" in told
    assert "--port" in told


def test_the_shops_port_is_tried_too() -> None:
    port = free_port(2) + 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortBusy, match=f"port {port}, wanted for the shop, is busy"):
            in_a_row(port - 1, {"console": 0, "shop": 1})


@pytest.mark.parametrize("port", [-1, 65_536, 65_535])
def test_what_is_no_port_is_said(port: int) -> None:
    with pytest.raises(CannotStart, match="use 1 to 65534"):
        in_a_row(port, {"console": 0, "shop": 1})


def test_a_folder_that_another_instance_uses_is_named_with_its_process(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data")
    with pytest.raises(CannotStart, match=rf"in use by another running instance \(process {os.getpid()}\)"):
        DataFolder(tmp_path / "data")
    first.release()
    DataFolder(tmp_path / "data").release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/counterfoil")):
        with pytest.raises(CannotStart, match="--data DIR"):
            DataFolder(place)


def test_a_missing_application_is_said_before_anything_starts(installation: Installation) -> None:
    del installation.environment["COUNTERFOIL_APP"]
    code, told = refused(installation, "--data", str(installation.data))
    assert code == 2
    assert "COUNTERFOIL_APP is not set" in told


def test_a_database_newer_than_the_code_is_said_before_anything_starts(installation: Installation) -> None:
    assert installation.run("db", "upgrade").returncode != 0  # the folder is not there yet
    installation.data.mkdir()
    assert installation.run("db", "upgrade").returncode == 0
    with sqlite3.connect(installation.data / "counterfoil.sqlite3") as connection:
        connection.execute("UPDATE counterfoil_alembic_version SET version_num = '9999'")
    connection.close()
    code, told = refused(installation, "--port", "0", "--data", str(installation.data))
    assert code == 2
    assert "9999" in told
    assert "newer" in told


def test_nonsense_in_the_environment_is_said_before_anything_starts(installation: Installation) -> None:
    code, told = refused(
        installation, "--port", "0", "--data", str(installation.data), COUNTERFOIL_LEASE_SECONDS="5"
    )
    assert code == 2
    assert "lease_seconds" in told


def test_a_path_too_long_for_a_socket_is_gone_around(tmp_path: Path) -> None:
    short, long = (
        EmbeddedRedis("redis-server", tmp_path / "d"),
        EmbeddedRedis("redis-server", tmp_path / ("d" * 150)),
    )
    assert short.socket == tmp_path / "d" / "valkey.sock" or short.moved
    assert long.moved
    assert len(bytes(long.socket)) < 100
    assert long.socket.parent.is_dir()
    long.remove()
    assert not long.socket.parent.exists()


def test_on_request_every_line_is_a_json_object_with_its_process(installation: Installation) -> None:
    installation.up("--json-logs")
    for words in ("this scheduler leads", "the console is at", "queues default"):
        until(lambda words=words: words in installation.told())  # type: ignore[misc]
    assert installation.stop() == 0
    lines = [json.loads(line) for line in installation.told().splitlines()]
    assert {"supervisor", "scheduler", "worker", "console"} <= {line["process"] for line in lines}
    assert all(line["timestamp"] and line["level"] for line in lines)


def one_row(url: str, query: str) -> object:
    """The one value that a query finds."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(query)).scalar_one()
    engine.dispose()
    return found


def test_on_postgresql_it_runs_two_workers_and_asks_for_no_file(
    tmp_path: Path, postgresql_url: str, redis_url: str
) -> None:
    installation = Installation(tmp_path, DATABASE_URL=postgresql_url, REDIS_URL=redis_url)
    try:
        installation.up()
        assert installation.run("tickets", "open", "Greeter.greet", "--param", 'name="Ada"').returncode == 0
        until(lambda: one_row(postgresql_url, "SELECT receipt FROM counterfoil_tickets") == "hello Ada")
        until(lambda: "worker 2" in installation.told())
        assert installation.stop() == 0
        assert "redis" not in installation.told()  # REDIS_URL named one
        assert sorted(file.name for file in installation.data.iterdir()) == ["lock", "secret"]
    finally:
        installation.clean()
