"""What the console refuses to start with (S24), a busy port, and its stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from console.app import create_console
from console.database import db
from console.listening import Unbound, address
from console.secret import signing_key
from console.serve import RARE_COLLECTIONS
from console.start_checks import refusal
from counterfoil.settings import Settings, SettingsError

pytestmark = pytest.mark.timeout(300)  # of starting an interpreter on a busy machine
LONG = "a password of many words 9"
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


def _serve(url: str, data: Path, bind: str, before: str = "", **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", before + SERVE, url, str(data), bind],
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
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 3
    assert f"port {port} of 127.0.0.1 is busy" in errors
    assert "--bind" in errors
    assert errors.count("\n") == 1


def test_a_refusal_ends_with_code_2(sqlite_url: str, tmp_path: Path) -> None:
    process = _serve(sqlite_url, tmp_path, "127.0.0.1:0", COUNTERFOIL_ENVIRONMENT="production")
    _, errors = process.communicate(timeout=100)
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
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


MAKES_NO_MORE = """
import gc
import console.serve
begin = console.serve._begin
def begun(worker):
    begin(worker)
    assert gc.get_freeze_count() > 100_000
    print(gc.get_threshold(), flush=True)
    worker.wsgi.jinja_env.compile = None
console.serve._begin = begun
"""


def test_templates_are_made_before_the_first_page_and_the_rare_collection_is_rare(
    sqlite_url: str, tmp_path: Path
) -> None:
    process = _serve(sqlite_url, tmp_path, "127.0.0.1:0", before=MAKES_NO_MORE)
    try:
        assert process.stdout
        link = process.stdout.readline().split()[-1]
        assert _answers(link) == 200
        base = link.partition("/first-entry")[0]
        assert _answers(base + "/sign-in") == 200
        lines = iter(process.stdout.readline, "")
        assert next(line for line in lines if line.startswith("(")).endswith(f", {RARE_COLLECTIONS})\n")
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors


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


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(SettingsError, match="COUNTERFOIL_DATA") as raised:
        signing_key(Settings(data=blocked / "data"))
    assert str(blocked) in str(raised.value)


def test_a_damaged_secret_is_said_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(SettingsError, match="delete it"):
        signing_key(Settings(data=tmp_path))


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key(Settings(data=tmp_path / "new")), range(8)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64


@pytest.mark.alone
def test_an_open_stream_ends_within_a_second_of_the_stop_and_the_process_soon_after(
    sqlite_url: str, tmp_path: Path
) -> None:
    process = _serve(sqlite_url, tmp_path, "127.0.0.1:0")
    try:
        assert process.stdout
        link = process.stdout.readline().split()[-1]
        base = link.partition("/first-entry")[0]
        _answers(base + "/healthz")
        person = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with person.open(link, timeout=30) as form:
            found = re.search(r'name="csrf_token" value="([^"]+)"', form.read().decode())
        assert found
        fields = {"csrf_token": found.group(1), "name": "ada", "password": LONG, "again": LONG}
        with person.open(link, urllib.parse.urlencode(fields).encode(), timeout=30) as overview:
            assert overview.url == base + "/"
        request = urllib.request.Request(
            base + "/live?topics=tickets", headers={"Accept": "text/event-stream"}
        )
        with person.open(request, timeout=30) as stream:
            assert stream.readline()
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            while stream.readline():
                pass
            assert time.monotonic() - started < 1.5
        process.wait(timeout=30)
        assert time.monotonic() - started < 10
    finally:
        if process.poll() is None and not _ends(process):
            process.kill()
        process.communicate(timeout=30)
    assert process.returncode == 0


def _ends(process: subprocess.Popen[str]) -> bool:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_no_page_holds_postgresql_for_longer_than_five_seconds(postgresql_url: str, tmp_path: Path) -> None:
    console = create_console(Settings(database_url=postgresql_url, data=tmp_path))
    with console.app_context():
        try:
            shown = db.session.execute(text("SHOW statement_timeout")).scalar_one()
            isolation = db.session.execute(text("SHOW transaction_isolation")).scalar_one()
        finally:
            db.session.remove()
            db.engine.dispose()
    assert (shown, isolation) == ("5s", "read committed")
