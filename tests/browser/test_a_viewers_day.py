"""A viewer's day: looks at everything, may change nothing, hands over, and sees the act as it happens."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, insert

from counterfoil.tables import Attempt, Process, Traceback
from tests.browser.test_the_three_causes import browser, console, night, signed_in, wait_for_clipboard
from tests.console.browser import PASSWORD

__all__ = ["browser", "console", "night"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

EVER = datetime(2099, 1, 1, tzinfo=UTC)
OWN = ("/profile", "/searches", "/sign-out")
"""What everybody may change: their own things."""

FREE = """(own) => [...document.querySelectorAll("button, input[type=submit]")]
  .filter((button) => button.form?.method === "post" && !button.disabled)
  .map((button) => new URL(button.getAttribute("formaction") ?? button.form.action, location).pathname)
  .filter((path) => !own.some((mine) => path.startsWith(mine)))"""
SILENT = """() => [...document.querySelectorAll("button:disabled:not([hidden])")]
  .filter(({ dataset }) => !/^An (operator|administrator) may$/.test(dataset.tip))
  .map((button) => button.outerHTML)"""
OPENERS = """() => [...document.querySelectorAll("summary.button, a.button")]
  .filter(({ textContent }) => textContent.trim().endsWith("…")).map((opener) => opener.outerHTML)"""
TEXT = (
    'Traceback (most recent call last):\n  File "/x/site-packages/lib.py", line 1, in run\n    go()\n'
    '  File "/app/shop.py", line 7, in charge\n    pay()\nBankDown: no'
)


def looked_at(page: Page) -> None:
    """Nothing on the page changes anything for her, and every act says who may."""
    assert page.evaluate(FREE, [*OWN]) == [], page.url
    assert page.evaluate(SILENT) == [], page.url
    assert page.evaluate(OPENERS) == [], page.url


@pytest.fixture
def failed(night: Engine) -> None:
    """The first ticket has a traceback, and a worker has been here."""
    with night.begin() as connection:
        connection.execute(insert(Traceback).values(id="t1", text=TEXT))
        values = {"ticket_id": 1, "claim": 1, "outcome": "error", "error": "BankDown: no"}
        connection.execute(insert(Attempt).values(values | {"traceback_id": "t1", "worker": "w1"}))
        connection.execute(insert(Process).values(name="w1", sort="worker", queues=[], seen_until=EVER))


@pytest.mark.usefixtures("failed")
def test_a_viewer_sees_everything_changes_nothing_and_hands_over_to_who_may(
    console: str, browser: Browser, tmp_path: Path
) -> None:
    vera = signed_in(browser, console, "vera", 1280)
    vera.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(vera.locator(".top > .menu summary")).to_contain_text("vera")
    places = vera.eval_on_selector_all(".places > a", "all => all.map((a) => a.getAttribute('href'))")
    assert len(places) > 8
    for path in (
        *places,
        "/tickets?tab=errored",
        "/tickets/1",
        "/errors/" + "b" * 32,
        "/view-models/Customer.assign_number",
    ):
        answer = vera.goto(console + path)
        assert answer
        assert answer.status == 200, path
        expect(vera.locator("h1")).to_be_visible()
        looked_at(vera)

    # What she would tell a developer: the whole traceback, and the file.
    vera.goto(f"{console}/tickets/1")
    vera.get_by_role("button", name="Copy as text").click()
    expect(vera.locator("#announce")).to_have_text("Copied, with every frame.")
    wait_for_clipboard(vera, TEXT)
    with vera.expect_download() as file:
        vera.get_by_role("link", name="Export with attempts").click()
    file.value.save_as(tmp_path / "ticket.json")
    assert json.loads((tmp_path / "ticket.json").read_text())["attempts"][0]["traceback"] == TEXT

    # What she hands over: the act itself, opened.
    expect(vera.locator("#act-acknowledge")).to_be_disabled()
    vera.locator("#acts .handover").get_by_role("link", name="Acknowledge").click()
    link = f"{console}/tickets/1?act=acknowledge"
    wait_for_clipboard(vera, link)
    otto = browser.new_context().new_page()
    otto.goto(link)
    otto.fill("#name", "otto")
    otto.fill("#password", PASSWORD)
    otto.keyboard.press("Enter")
    otto.wait_for_url(link)
    otto.locator("#act-acknowledge input[name=reason]").fill("bank is down till 06:00")
    otto.locator("#act-acknowledge form > button").click()
    expect(otto.locator("#toasts")).to_contain_text("acknowledged")

    # Her page, which nobody has loaded again, tells it.
    expect(vera.locator("[data-part=timeline]")).to_contain_text("bank is down till 06:00")
    expect(vera.locator("[data-part=timeline]")).to_contain_text("otto")
