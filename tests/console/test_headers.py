"""The headers of every answer (S6, S7), hosts (S17) and error pages (S25)."""

import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine

from .browser import Browser
from .walking import furnish, stops

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TABLE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here hangs on the dialect."""
    return sqlite_url


def test_every_answer_has_them(console: Flask, engine: Engine, ada: Browser) -> None:
    for stop in stops(console, furnish(engine)):
        if stop.path == "/live":
            continue  # a stream: its own test reads it
        # Without a token: every POST is refused, and the refusals are answers too.
        answer = ada._open(stop.method, stop.path)
        for name, value in TABLE.items():
            assert answer.headers.getlist(name) == [value], f"{stop}: {name}"
        assert {"HX-Request", "Cookie"} <= set(answer.vary), str(stop)
        if stop.route.endpoint != "static":
            assert "public" not in answer.headers["Cache-Control"], str(stop)


@pytest.mark.parametrize("path", ["/no-such-page", "/sign-in", "/", "/healthz"])
def test_a_strangers_answers_have_them_too(stranger: Browser, path: str) -> None:
    answer = stranger.get(path)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_versioned_file_is_kept_for_ever_and_any_other_is_asked_for_again(stranger: Browser) -> None:
    sheet = re.search(r'href="(/static/console\.css\?v=\w+)"', stranger.get("/sign-in").text)
    assert sheet
    assert "immutable" in stranger.get(sheet.group(1)).headers["Cache-Control"]
    assert stranger.get("/static/console.css").headers["Cache-Control"] == "no-cache"
    assert stranger.get("/static/no-such.css?v=1").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"Host": ""}, {"Host": "a b"}],
)
def test_a_host_that_is_not_ours_is_not_answered(stranger: Browser, headers: dict[str, str]) -> None:
    answer = stranger.get("/sign-in", headers=headers)
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert "COUNTERFOIL_TRUSTED_HOSTS" in answer.text


def test_forwarded_headers_count_only_from_as_many_proxies_as_there_are(
    make_console: Callable[..., Flask],
) -> None:
    forwarded = {"X-Forwarded-Host": "tickets.example.org", "X-Forwarded-Proto": "https"}
    alone = make_console(trusted_hosts=("tickets.example.org",))
    behind = make_console(trusted_hosts=("tickets.example.org",), proxies=1)
    assert "Secure" not in Browser(alone).get("/sign-in", headers=forwarded).headers["Set-Cookie"]
    assert "Secure" in Browser(behind).get("/sign-in", headers=forwarded).headers["Set-Cookie"]
    evil = forwarded | {"X-Forwarded-Host": "evil.example"}
    assert Browser(behind).get("/sign-in", headers=evil).status_code == 400
    assert Browser(alone).get("/sign-in", headers=evil).status_code == 200


def test_a_forged_address_does_not_escape_the_limit(make_console: Callable[..., Flask], cast: None) -> None:
    browser = Browser(make_console())
    for n in range(21):
        last = browser.sign_in("ada", "wrong", headers={"X-Forwarded-For": f"203.0.113.{n}"})
    assert last.status_code == 429


def test_a_fault_shows_an_id_that_the_log_has_too_and_no_trace(
    make_console: Callable[..., Flask], cast: None, caplog: pytest.LogCaptureFixture
) -> None:
    console = make_console()

    def broken() -> str:
        raise RuntimeError("the secret is 4711")

    console.view_functions["overview"] = broken
    browser = Browser(console)
    browser.sign_in("ada")
    with caplog.at_level(logging.ERROR):
        answer = browser.get("/")
    assert answer.status_code == 500
    assert "4711" not in answer.text
    assert "Traceback" not in answer.text
    error_id = re.search(r"<code[^>]*>(\w{12})</code>", answer.text)
    assert error_id
    assert error_id.group(1) in caplog.text
    assert "4711" in caplog.text
    fragment = browser.get("/", headers={"HX-Request": "true"})
    assert fragment.status_code == 500
    assert "<html" not in fragment.text


def test_a_one_time_link_never_reaches_the_log(
    make_console: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    console = make_console()

    def broken(token: str) -> str:
        raise RuntimeError

    console.view_functions["first_entry"] = broken
    with caplog.at_level(logging.DEBUG):
        Browser(console).get("/first-entry/the-token-itself")
    assert "error id" in caplog.text
    assert "the-token-itself" not in caplog.text
