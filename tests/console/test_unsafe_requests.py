"""What may be sent from where: tokens, fetch metadata, Origin (S4)."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from counterfoil.tables import TrailEntry, User

from .browser import PASSWORD, Browser


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here hangs on the dialect."""
    return sqlite_url


def _theme(engine: Engine, name: str = "vera") -> object:
    with engine.connect() as connection:
        found = connection.execute(select(User.preferences).where(User.name == name)).scalar_one()
    return (found or {}).get("theme")


@pytest.mark.parametrize("htmx", [{}, {"HX-Request": "true"}])
@pytest.mark.parametrize("token", ["", "wrong", "IjEyMyI.aaaa.bbbb"])
def test_without_a_good_token_nothing_happens(
    vera: Browser, engine: Engine, token: str, htmx: dict[str, str]
) -> None:
    answer = vera.post("/profile", data={"theme": "dark", "csrf_token": token}, headers=htmx)
    assert answer.status_code == 400
    assert "out of date" in answer.text
    assert _theme(engine) is None


def test_a_token_in_the_header_counts_as_htmx_sends_it(vera: Browser, engine: Engine) -> None:
    vera.get("/profile")
    answer = vera.post("/profile", False, data={"theme": "dark"}, headers={"X-CSRFToken": vera.token})
    assert answer.status_code == 303
    assert _theme(engine) == "dark"


def test_a_foreign_token_is_worth_nothing(vera: Browser, otto: Browser, engine: Engine) -> None:
    otto.get("/profile")
    answer = vera.post("/profile", data={"theme": "dark", "csrf_token": otto.token})
    assert answer.status_code == 400
    assert _theme(engine) is None


def test_the_token_of_before_the_sign_in_is_worth_nothing_after_it(
    stranger: Browser, cast: None, engine: Engine
) -> None:
    stranger.get("/sign-in")
    stale = stranger.token
    stranger.sign_in("vera")
    answer = stranger.post("/profile", data={"theme": "dark", "csrf_token": stale})
    assert answer.status_code == 400
    assert _theme(engine) is None


def test_the_sign_in_itself_needs_a_token(stranger: Browser, cast: None) -> None:
    answer = stranger.post("/sign-in", False, data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 400
    assert stranger.cookie() is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_another_sites_request_is_refused_and_recorded_whatever_token_it_has(
    vera: Browser, engine: Engine, headers: dict[str, str]
) -> None:
    answer = vera.post("/profile", data={"theme": "dark"}, headers=headers)
    assert answer.status_code == 403
    assert _theme(engine) is None
    with engine.connect() as connection:
        denied = select(TrailEntry.actor, TrailEntry.subject).where(TrailEntry.verb == "denied")
        row = connection.execute(denied).one()
    assert tuple(row) == ("vera", "POST /profile")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {},
    ],
)
def test_our_own_pages_may(vera: Browser, engine: Engine, headers: dict[str, str]) -> None:
    assert vera.post("/profile", data={"theme": "dark"}, headers=headers).status_code == 303
    assert _theme(engine) == "dark"


def test_behind_a_proxy_the_configured_address_is_ours(
    make_console: Callable[..., Flask], cast: None, engine: Engine
) -> None:
    browser = Browser(make_console(url="https://tickets.example.org"))
    browser.sign_in("vera")
    headers = {"Origin": "https://tickets.example.org"}
    assert browser.post("/profile", data={"theme": "dark"}, headers=headers).status_code == 303


def test_a_get_from_elsewhere_is_a_link_and_fine(vera: Browser) -> None:
    assert vera.get("/profile", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/profile?x=%00", "/%00", "/queues/%00"])
def test_a_nul_is_refused_before_a_page_sees_it(vera: Browser, path: str) -> None:
    assert vera.get(path).status_code == 400
    assert vera.post("/profile", data={"theme": "da\x00rk"}).status_code == 400


@pytest.mark.parametrize("number", [2**63, 10**40])
def test_a_number_that_no_column_holds_is_no_address(ada: Browser, number: int) -> None:
    assert ada.post(f"/settings/users/{number}/off").status_code == 404


def test_large_bodies_and_endless_forms_are_refused(vera: Browser) -> None:
    assert vera.post("/profile", data={"theme": "x" * 2_000_000}).status_code == 413
    many = {f"f{n}": "1" for n in range(100_000)}
    assert vera.post("/profile", data=many).status_code == 413
