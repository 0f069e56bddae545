"""What the console refuses to start with (S24), a busy port, and its stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from console.listening import Unbound, address
from console.start_checks import refusal
from counterfoil.settings import Settings

GOOD = "4f1c" * 4 + "9e07b2d8a6351c42" * 2


def _settings(**fields: object) -> Settings:
    return Settings(**({"environment": "production", "secret_key": GOOD} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "host", "debug", "said"),
    [
        ({"secret_key": None}, "127.0.0.1", False, "COUNTERFOIL_SECRET_KEY is not set"),
        ({"secret_key": "short"}, "127.0.0.1", False, "shorter than 32"),
        ({"secret_key": "short", "environment": "development"}, "127.0.0.1", False, "shorter than 32"),
        ({"secret_key": "change-me-" * 4}, "127.0.0.1", False, "looks like a default"),
        ({"secret_key": "a" * 40}, "127.0.0.1", False, "looks like a default"),
        ({}, "127.0.0.1", True, "debug is on"),
        ({}, "0.0.0.0", False, "without TLS"),
        ({}, "::", False, "without TLS"),
        ({}, "192.0.2.7", False, "without TLS"),
        ({}, "tickets.example.org", False, "without TLS"),
        ({"proxies": 1}, "0.0.0.0", False, "without TLS"),
        ({"url": "https://tickets.example.org"}, "0.0.0.0", False, "without TLS"),
    ],
)
def test_it_refuses_with_one_line_that_names_the_cure(
    fields: dict[str, object], host: str, debug: bool, said: str
) -> None:
    why = refusal(_settings(**fields), host, debug)
    assert why is not None
    assert said in why
    assert "\n" not in why


@pytest.mark.parametrize(
    ("fields", "host", "debug"),
    [
        ({}, "127.0.0.1", False),
        ({}, "::1", False),
        ({}, "localhost", False),
        ({"public_bind_consent": True}, "0.0.0.0", False),
        ({"proxies": 1, "url": "https://tickets.example.org"}, "0.0.0.0", False),
        ({"environment": "development", "secret_key": None}, "0.0.0.0", True),
    ],
)
def test_it_starts_otherwise(fields: dict[str, object], host: str, debug: bool) -> None:
    assert refusal(_settings(**fields), host, debug) is None


@pytest.mark.parametrize(
    ("bind", "parsed"),
    [
        ("127.0.0.1:8020", ("127.0.0.1", 8020)),
        (":80", ("127.0.0.1", 80)),
        ("8020", ("127.0.0.1", 8020)),
        ("[::1]:8020", ("::1", 8020)),
    ],
)
def test_an_address_is_read(bind: str, parsed: tuple[str, int]) -> None:
    assert address(bind) == parsed


@pytest.mark.parametrize("bind", ["", "host", "host:port", "127.0.0.1:99999"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    with pytest.raises(Unbound, match="is no address"):
        address(bind)


SERVE = """
import logging, sys
from pathlib import Path
from counterfoil.settings import Settings
from console.serve import serve
logging.basicConfig(stream=sys.stdout)
sys.exit(serve(Settings(database_url=sys.argv[1], data=Path(sys.argv[2])), sys.argv[3]))
"""


def _serve(url: str, data: Path, bind: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", SERVE, url, str(data), bind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
    )


def test_a_busy_port_is_said_at_once_with_code_3(sqlite_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = _serve(sqlite_url, tmp_path, f"127.0.0.1:{port}")
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"port {port} of 127.0.0.1 is busy" in errors
    assert "--bind" in errors
    assert errors.count("\n") == 1


def test_a_refusal_ends_with_code_2(sqlite_url: str, tmp_path: Path) -> None:
    process = _serve(sqlite_url, tmp_path, "127.0.0.1:0", COUNTERFOIL_ENVIRONMENT="production")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("counterfoil: COUNTERFOIL_SECRET_KEY is not set")
    assert errors.count("\n") == 1


def test_the_first_start_prints_a_link_and_a_term_stops_it_cleanly(sqlite_url: str, tmp_path: Path) -> None:
    process = _serve(sqlite_url, tmp_path, "127.0.0.1:0")
    try:
        assert process.stdout
        line = process.stdout.readline()
        link = re.search(r"(http://127\.0\.0\.1:\d+)/first-entry/[\w-]+", line)
        assert link, line
        assert _answers(link.group(1) + "/healthz") == 200
        assert _answers(link.group()) == 200
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert time.monotonic() - started < 10
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def _answers(url: str) -> int:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
