"""The layout, the theme, what htmx says of itself, and a page that does not wait for a busy database."""

import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from console.htmx import htmx
from console.layout import environment_tone
from console.places import folder

from .browser import Browser


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here hangs on the dialect."""
    return sqlite_url


def test_the_environment_stands_in_the_header_and_the_title(
    make_console: Callable[..., Flask], cast: None
) -> None:
    browser = Browser(make_console(environment="staging <eu>"))
    assert "staging &lt;eu&gt; · Counterfoil</title>" in browser.get("/sign-in").text
    browser.sign_in("vera")
    assert "staging &lt;eu&gt;</span>" in browser.get("/profile").text


def test_production_is_red_and_other_environments_keep_their_colour() -> None:
    assert environment_tone("Production") == "danger"
    assert environment_tone("staging") == "warn"
    assert environment_tone("blue-42") == environment_tone("blue-42")
    assert environment_tone("blue-42").startswith("own-")


def test_the_theme_is_the_person_s_and_the_browser_s(vera: Browser, console: Flask) -> None:
    assert 'data-theme="system"' in vera.get("/profile").text
    assert vera.post("/profile", data={"theme": "dark", "next": "/trail"}).location == "/trail"
    assert 'data-theme="dark"' in vera.get("/profile").text
    vera.post("/sign-out")
    assert 'data-theme="dark"' in vera.get("/sign-in").text
    elsewhere = Browser(console)
    assert 'data-theme="system"' in elsewhere.get("/sign-in").text
    elsewhere.sign_in("vera")
    assert 'data-theme="dark"' in elsewhere.get("/profile").text


@pytest.mark.parametrize("form", [{"theme": "pink"}, {"zone": "Mars/Olympus"}, {"zone": "../../etc/passwd"}])
def test_a_theme_or_zone_that_is_none_is_refused(vera: Browser, form: dict[str, str]) -> None:
    answer = vera.post("/profile", data=form)
    assert answer.status_code == 422
    assert "There is no such" in answer.text


def test_times_are_shown_in_the_person_s_zone(vera: Browser, engine: Engine) -> None:
    assert " UTC" in vera.get("/trail").text
    assert vera.post("/profile", data={"zone": "Asia/Tokyo"}).status_code == 303
    page = vera.get("/trail").text
    assert " UTC" not in page
    assert "+0900" in page or "JST" in page or "GMT+9" in page or "+9" in page


def test_only_pages_that_exist_stand_in_the_navigation(vera: Browser, console: Flask) -> None:
    page = vera.get("/profile").text
    links = [
        part.partition('"')[0]
        for part in page.partition('class="places"')[2].partition("</nav>")[0].split('href="')[1:]
    ]
    assert links
    for link in links:
        if not link.startswith("/static"):
            assert vera.get(link).status_code == 200, link


def test_a_toast_is_shown_once_on_the_next_page_or_beside_a_fragment(vera: Browser) -> None:
    vera.post("/profile", data={"zone": "Europe/Berlin"})
    assert "Times are shown in Europe/Berlin." in vera.get("/profile").text
    assert "Times are shown in" not in vera.get("/trail").text.partition('id="toasts"')[2]
    vera.post("/profile", data={"zone": "Europe/Paris"})
    fragment = vera.get("/trail", headers={"HX-Request": "true"}).text
    assert '<hx-partial hx-target="#toasts" hx-swap="beforeend">' in fragment
    assert "Europe/Paris" in fragment


def test_htmx_4_s_headers_are_understood(console: Flask) -> None:
    headers = {"HX-Request": "true", "HX-Source": "button#retry%207", "HX-Target": "div#rows"}
    with console.test_request_context("/", headers=headers):
        assert (htmx.target, htmx.trigger, htmx.wants_fragment) == ("rows", "retry 7", True)
    with console.test_request_context("/", headers=headers | {"HX-Boosted": "true", "HX-Target": "div"}):
        assert (htmx.target, htmx.wants_fragment) == (None, False)
    with console.test_request_context("/", headers=headers | {"HX-History-Restore-Request": "true"}):
        assert not htmx.wants_fragment
    with console.test_request_context("/"):
        assert not htmx


@pytest.mark.alone
def test_a_page_does_not_wait_for_a_busy_database_to_stamp_that_it_was_asked_for(
    vera: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE counterfoil_sessions SET last_seen_at = "
                "strftime('%Y-%m-%d %H:%M:%f','now','-2 minutes')||'000'"
            )
        )
    writer = create_engine(engine.url)
    with writer.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert vera.get("/profile").status_code == 200
        assert time.monotonic() - started < 2
        # What a person does still waits its turn, and does not fail at once.
        connection.rollback()
    writer.dispose()
    assert vera.post("/profile", data={"theme": "dark"}).status_code == 303


def test_the_sheet_and_our_scripts_stay_small() -> None:
    static = folder("static")
    assert 15_000 < (static / "console.css").stat().st_size <= 25_600
    assert sum(file.stat().st_size for file in static.glob("*.js")) < 15_000
