"""Every page in a real browser: policy kept, nothing runs over, readable by everybody (S6, WCAG 2.2 AA)."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import create_engine, insert, text
from werkzeug.serving import make_server

from console import people
from console.app import create_console
from console.database import db
from counterfoil.acts import Actor
from counterfoil.pauses import pause_queue
from counterfoil.settings import Settings
from counterfoil.sqlite import prepare
from counterfoil.tables import Sample
from tests.console.walking import furnish, stops
from tests.servers import chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RULES = {
    "resultTypes": ["violations"],
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
}
EVER, PAST = "2099-01-01 00:00:00.000000", "2000-01-01 00:00:00.000000"
PASSWORD = "a password for browsers 9"


TOO_WIDE_OPEN = """
() => [...document.querySelectorAll("details")].flatMap((each) => {
  each.open = true;
  const rights = [...each.querySelectorAll("form, form *")].map((part) => part.getBoundingClientRect().right);
  each.open = false;
  const over = Math.ceil(Math.max(0, ...rights)) - innerWidth;
  return over > 0 ? [`${each.querySelector("summary").textContent.trim()} opens ${over} px too wide`] : [];
})
"""
"""What opens a form that is wider than the window: the panel around it cuts it off."""


@dataclass
class Shown:
    """A running console and where its pages are."""

    url: str
    paths: list[str]
    link: str


@pytest.fixture
def shown(sqlite_url: str, tmp_path: Path) -> Iterator[Shown]:
    engine = prepare(create_engine(sqlite_url))
    parts = furnish(engine)
    with engine.begin() as connection:
        token = people.first_admin_link(connection)
        people.add_user(connection, "vera@example.org", "viewer")
        pause_queue(connection, "default", Actor("ada", "console"), "the bank is down")
        counts = {"pending": 12403, "errored": 1813, "all": 99000}
        connection.execute(insert(Sample).values(counts=counts, queues={"default": {"due": 9}}, rates={}))
        connection.execute(
            text(
                f"INSERT INTO counterfoil_workers (name, sort, queues, seen_until) VALUES "
                f"('worker 1', 'worker', '[\"default\"]', '{EVER}'), ('old', 'worker', '[]', '{PAST}')"
            )
        )
    engine.dispose()
    console = create_console(
        Settings(database_url=sqlite_url, data=tmp_path, environment="production Europe west")
    )
    server = make_server("127.0.0.1", 0, console, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        yield Shown(url, [*_paths(console, parts)], f"{url}/first-entry/{token}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        with console.app_context():
            db.engine.dispose()


def _paths(console: Flask, parts: dict[str, object]) -> Iterator[str]:
    machines = ("/static", "/live", "/healthz", "/readyz", "/first-entry")
    for stop in stops(console, parts):
        if (
            stop.method == "GET"
            and not stop.path.startswith(machines)
            and not stop.path.endswith((".json", "/export"))
        ):
            yield stop.path
    yield "/no-such-page"
    yield "/trail?ticket=nonsense"


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium.running(chromium_path) as made:
        yield made


def test_every_page_keeps_the_policy_fits_a_phone_and_passes_axe_in_both_themes(
    shown: Shown, browser: Browser
) -> None:
    said: list[str] = []
    context = _context(browser, 1280, "light")
    entry = _page(context, said)
    for path in ("/sign-in", "/first-entry/made-up"):
        entry.goto(shown.url + path)
        assert _faults(entry) == [], path
    entry.goto(shown.link)
    assert _faults(entry) == []
    _enter(entry, shown)
    state = context.storage_state()
    context.close()
    faults: dict[str, list[str]] = {}
    for theme, width in (("light", 1280), ("dark", 360)):
        context = _context(browser, width, theme, state)
        page = _page(context, said)
        for path in shown.paths:
            answer = page.goto(shown.url + path)
            assert answer
            if "<html" not in answer.text():
                continue  # a fragment or a machine's answer
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found = _faults(page) + (
                [f"runs over by {over} px"] if over > 0 else page.evaluate(TOO_WIDE_OPEN)
            )
            if found:
                faults[f"{path} {theme} {width}"] = found
        context.close()
    assert not faults, "\n".join(f"{where}: {what}" for where, all_ in faults.items() for what in all_)
    # Chromium's own lines: a 404 page is one, and so is the answer 422 to a nonsensical address.
    assert [line for line in said if "the server responded with a status of 4" not in line] == []


def test_the_theme_changes_at_once_and_stays(shown: Shown, browser: Browser) -> None:
    page = _page(_context(browser, 1280, "light"), [])
    _enter(page, shown)
    page.click(".top > .menu > summary")
    with page.expect_response("**/profile"):
        page.click(".top > .menu >> text=Dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(shown.url + "/trail")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.click(".top > .menu > summary")
    page.click("text=Sign out")
    page.wait_for_url(shown.url + "/sign-in")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_first_page_is_light_and_loads_nothing_from_elsewhere(shown: Shown, browser: Browser) -> None:
    page = _page(_context(browser, 1280, "light"), [])
    sizes: dict[str, int] = {}
    page.on(
        "response", lambda answer: sizes.__setitem__(answer.url, int(answer.headers.get("content-length", 0)))
    )
    _enter(page, shown)
    page.wait_for_load_state("networkidle")
    assert all(url.startswith(shown.url) for url in sizes)
    assert 20_000 < sum(sizes.values()) < 120_000, sizes
    own = sum(
        size for url, size in sizes.items() if "/static/" in url and ".js" in url and "vendor" not in url
    )
    assert 0 < own < 15_000


def test_a_page_whose_session_has_ended_goes_to_the_sign_in_by_itself(
    shown: Shown, browser: Browser, sqlite_url: str
) -> None:
    page = _page(_context(browser, 1280, "light"), [])
    page.clock.install()
    _enter(page, shown)
    engine = prepare(create_engine(sqlite_url))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE counterfoil_sessions SET expires_at = '{PAST}'"))
    engine.dispose()
    page.clock.run_for(5000)
    page.wait_for_url(shown.url + "/sign-in")


def _enter(page: Page, shown: Shown) -> None:
    page.goto(shown.link)
    page.fill("#name", "ada")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("text=Save and sign in")
    page.wait_for_url(shown.url + "/")


def _context(browser: Browser, width: int, theme: str, state: object = None) -> BrowserContext:
    return browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=theme,  # type: ignore[arg-type]
        storage_state=state,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )


def _page(context: BrowserContext, said: list[str]) -> Page:
    page = context.new_page()
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return page


def _faults(page: Page) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:150]} {node['failureSummary'][:300]}"
        for violation in Axe().run(page, options=RULES).response["violations"]
        for node in violation["nodes"]
    ]


def test_title_icon_and_badge_follow_the_number_without_loading_the_page_again(
    shown: Shown, browser: Browser, sqlite_url: str
) -> None:
    page = _page(_context(browser, 1280, "light"), [])
    page.clock.install()
    _enter(page, shown)
    assert page.title().startswith("(1,813) Overview")
    page.evaluate("window.stays = true")
    for errored, title, icon in ((2, "(2) Overview", "errored"), (0, "Overview", "favicon.svg")):
        engine = prepare(create_engine(sqlite_url))
        with engine.begin() as connection:
            connection.execute(insert(Sample).values(counts={"errored": errored}, queues={}, rates={}))
        engine.dispose()
        with page.expect_response("**/"):
            page.clock.run_for(5000)
        # Waits by looking again; a function that waits in the page would need eval, which the CSP refuses.
        expect(page).to_have_title(re.compile(f"^{re.escape(title)}"))
        expect(page.locator("#favicon")).to_have_attribute("href", re.compile(icon))
        expect(page.locator("#errored-badge")).to_be_visible(visible=bool(errored))
        expect(page.locator("#errored-badge")).to_have_text(str(errored))
    assert page.evaluate("window.stays")
