"""The fixtures that every other test leans on."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, inspect, text

from tests.servers import RedisServer
from tests.servers.keeper import ask
from tests.servers.process import free_port

ROOT = Path(__file__).parents[2]


def test_a_fresh_database_is_migrated_and_empty(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM counterfoil_tickets")).scalar() == 0


def test_two_databases_of_one_run_are_apart(empty_postgresql_url: str, postgresql_url: str) -> None:
    empty, migrated = create_engine(empty_postgresql_url), create_engine(postgresql_url)
    try:
        assert inspect(empty).get_table_names() == []
        assert "counterfoil_tickets" in inspect(migrated).get_table_names()
    finally:
        empty.dispose()
        migrated.dispose()


def test_the_shared_redis_is_empty_at_the_start_of_a_test(redis_url: str) -> None:
    with Redis.from_url(redis_url) as connection:
        assert connection.dbsize() == 0
        connection.set("left-behind", 1)


def test_the_shared_redis_is_empty_again_after_a_test_that_wrote(redis_url: str) -> None:
    with Redis.from_url(redis_url) as connection:
        assert connection.dbsize() == 0


def test_a_private_redis_comes_back_on_its_port_and_empty(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as connection:
        connection.set("a", 1)
        redis_server.kill()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", redis_server.port))
        redis_server.start()
        assert connection.get("a") is None


def test_ports_are_free_in_a_row_and_no_other_process_gets_them() -> None:
    first = free_port(3)
    for port in range(first, first + 3):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
        code = f"from tests.servers import process; print(process._claim({port}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert (other.stdout, other.stderr) == ("False\n" if sys.platform == "linux" else "True\n", "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_servers_end_with_a_run_that_is_killed(how: signal.Signals) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout
    folder = Path(holder.stdout.readline().strip())
    port = int(ask(folder, "redis").rsplit(":", 1)[1].split("/")[0])
    holder.send_signal(how)
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


HOLDER = """
import time
from tests.servers import Keeper
print(Keeper().folder, flush=True)
time.sleep(600)
"""
