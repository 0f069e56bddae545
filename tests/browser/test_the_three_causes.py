"""The story of a night: of some hundred failures with three causes exactly one cause is retried."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, create_engine, insert, select
from werkzeug.serving import make_server

from console.app import create_console
from console.database import db
from counterfoil import error_groups, operations
from counterfoil.settings import Settings
from counterfoil.sqlite import prepare
from counterfoil.tables import ErrorGroup, TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import PASSWORD
from tests.console.conftest import KEY, enter
from tests.console.tickets.cast import known, ticket
from tests.servers import chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
CAUSES = {"BankDown": 70, "DiskFull": 30, "NoSuchCustomer": 20}


@pytest.fixture
def night(sqlite_url: str) -> Iterator[Engine]:
    """120 errored tickets of three causes, as the grouper has gathered them."""
    engine = prepare(create_engine(sqlite_url))
    now = datetime.now(UTC)
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        for name in ("otto", "vera"):
            enter(connection, name, {"otto": "operator", "vera": "viewer"}[name])
        for cause, count in CAUSES.items():
            mark = cause[0].lower() * 32
            for _ in range(count):
                ticket(connection, "errored", fingerprint=mark, error=f"{cause}: no")
            told = {"class_name": cause, "error": f"{cause}: no", "place": "shop.work:charge"}
            seen = {"first_seen_at": now, "last_seen_at": now, "failures": count}
            connection.execute(insert(ErrorGroup).values(fingerprint=mark, **told, **seen))
        error_groups.count_errored(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def console(night: Engine, sqlite_url: str, tmp_path: Path) -> Iterator[str]:
    app = create_console(Settings(database_url=sqlite_url, data=tmp_path, secret_key=KEY))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium.running(chromium_path) as made:
        yield made


class Hand:
    """A mouse or a thumb that counts."""

    def __init__(self, page: Page, thumb: bool) -> None:
        self.page, self.thumb, self.count = page, thumb, 0

    def __call__(self, selector: str) -> None:
        found = self.page.locator(selector).first
        found.tap() if self.thumb else found.click()
        self.count += 1


def signed_in(browser: Browser, console: str, name: str, width: int) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 740}, has_touch=width < 400, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{console}/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{console}/")
    return page


def wait_for_clipboard(page: Page, words: str) -> None:
    """The page writes to it without waiting, and so before or after we look."""
    end = time.monotonic() + 60
    while (found := page.evaluate("navigator.clipboard.readText()")) != words:
        assert time.monotonic() < end, found
        page.wait_for_timeout(50)


def beat(engine: Engine) -> None:
    """The scheduler's duty."""
    while True:
        with engine.begin() as connection:
            if not operations.work(connection):
                return


def states(engine: Engine, cause: str) -> set[str]:
    with engine.connect() as connection:
        of = select(Ticket.state).where(Ticket.fingerprint == cause[0].lower() * 32)
        return set(connection.execute(of).scalars())


@pytest.mark.parametrize(("width", "cause"), [(1280, "BankDown"), (360, "DiskFull")])
def test_one_of_three_causes_is_retried_in_three_clicks_and_taken_back_in_one(
    night: Engine, console: str, browser: Browser, width: int, cause: str
) -> None:
    page = signed_in(browser, console, "otto", width)
    hand = Hand(page, thumb=width < 400)
    hand('.places a[href="/errors"]')
    hand(f"td a:has-text('{cause}')")
    page.wait_for_url("**/errors/*")
    hand.count = 0  # opened
    hand("button[value=retry]")
    page.wait_for_url("**/operations/*")
    beat(night)
    page.wait_for_selector("#reason")
    hand("#reason")
    page.keyboard.type("it is mended")
    hand("form[action$='/start'] button")
    page.wait_for_selector("#toasts [data-undo]")
    page.focus("#toasts [data-undo]")  # a toast with the focus stays, however long the next beat takes
    beat(night)
    assert hand.count == 3
    for other in CAUSES:
        assert states(night, other) == ({"pending"} if other == cause else {"errored"})
    with night.connect() as connection:
        told = select(TrailEntry.reason, TrailEntry.actor).where(TrailEntry.verb == "retry")
        assert {tuple(row) for row in connection.execute(told)} == {("it is mended", "otto")}
    page.keyboard.press("u") if width > 400 else hand("#toasts [data-undo]")
    page.wait_for_selector("h1:has-text('Undo')")
    beat(night)
    page.wait_for_selector(f"text={CAUSES[cause]} put back, 0 have moved since")
    assert states(night, cause) == {"errored"}


def test_a_receipt_is_kept_as_evidence_and_a_viewer_hands_over(
    night: Engine, console: str, browser: Browser
) -> None:
    vera = signed_in(browser, console, "vera", 1280)
    vera.context.grant_permissions(["clipboard-read", "clipboard-write"])
    vera.goto(f"{console}/tickets/1?act=keep")
    expect(vera.locator("#act-keep")).to_be_disabled()
    vera.locator("#acts .handover").get_by_role("link", name="Keep").click()
    link = f"{console}/tickets/1?act=keep"
    wait_for_clipboard(vera, link)
    vera.clock.set_fixed_time(datetime.now(UTC))  # two keys that follow each other, on any machine
    vera.keyboard.press("g")
    vera.keyboard.press("e")
    vera.wait_for_url("**/errors")
    vera.keyboard.press("?")
    expect(vera.locator("#keys")).to_be_visible()
    vera.keyboard.press("Escape")
    expect(vera.locator("#keys")).to_be_hidden()

    otto = browser.new_context(viewport={"width": 1280, "height": 740}).new_page()
    otto.goto(link)
    otto.fill("#name", "otto")
    otto.fill("#password", PASSWORD)
    otto.keyboard.press("Enter")
    otto.wait_for_url(link)
    otto.select_option("#act-keep select", "evidence")
    otto.fill("#act-keep input[name=reason]", "the auditors ask for it")
    otto.click("#act-keep button:has-text('Keep in')")
    expect(otto.locator("#toasts .toast")).to_be_visible()
    expect(otto.locator("#ticket")).to_contain_text("kept as evidence")
    otto.goto(f"{console}/tickets?tab=errored")
    row = otto.locator("tbody tr").first
    id_ = row.get_attribute("id")
    row.focus()
    otto.keyboard.press("r")
    expect(otto.locator(f"#{id_} .chip-pending")).to_be_visible()
    expect(otto.locator(f"#{id_}")).to_be_focused()
    otto.keyboard.press("/")
    otto.keyboard.type("ge")
    expect(otto.locator("#search")).to_have_value("ge")
    assert otto.url.endswith("tab=errored"), "shortcuts are off in inputs"
