"""The browser story: an order, a broken service, tickets that err, one operation that mends them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.house import QUICK, House, running_house, wait_for
from tests.servers import chromium

ORDERS = 3
FULFILLED = "SELECT state FROM counterfoil_tickets WHERE view_model = 'OrderClient.fulfill' ORDER BY id"
ATTEMPTS = (
    "SELECT state, attempts FROM counterfoil_tickets WHERE view_model = 'OrderClient.fulfill' ORDER BY id"
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    # A label is printed for as long as a slow machine needs to show that it is.
    with running_house(tmp_path, QUICK | {"SHOP_PRINT_SECONDS": "12"}) as made:
        yield made


@pytest.fixture
def browser(chromium_path: str, tmp_path: Path) -> Iterator[Browser]:
    with chromium.running(chromium_path) as made:
        yield made
        for number, page in enumerate(page for context in made.contexts for page in context.pages):
            page.screenshot(path=tmp_path / f"last-{number}.png")  # for who has to find out


def enter(page: Page, house: House, name: str) -> None:
    """Become the first administrator, by the link that start-up printed."""
    page.goto(house.first_entry)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill("a long pass phrase")
    page.get_by_label("Password again").fill("a long pass phrase")
    page.get_by_role("button", name="Save and sign in").click()
    page.wait_for_url(f"{house.console}/**")


def weather(page: Page, house: House, name: str) -> None:
    """Change the weather of the shipping service, on the shop's page."""
    page.goto(f"{house.shop}/weather")
    page.get_by_role("button", name=re.compile(rf"^{name}\b")).click()
    expect(page.locator("#weather")).to_have_text(name)


def order(page: Page, house: House) -> str:
    """Place an order at the shop; its code."""
    page.goto(house.shop)
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url("**/orders/*")
    return page.get_by_role("heading", level=1).inner_text().removeprefix("Order ")


def test_the_shop_breaks_and_is_mended(house: House, browser: Browser) -> None:
    shop, console = browser.new_page(), browser.new_page()
    enter(console, house, "olivia")

    # An order is placed, and is seen running and done in the console, which is never loaded anew.
    console.goto(f"{house.console}/tickets?view=Order.print_label")
    first = order(shop, house)
    row = console.get_by_role("row").filter(has_text=f"order {first}")
    console.locator("#fresh").click()
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("done")

    # The service breaks: the next orders' tickets retry, then err.
    weather(shop, house, "refuse")
    codes = [order(shop, house) for _ in range(ORDERS)]
    wait_for(lambda: house.read(ATTEMPTS)[1:] == [("errored", 2)] * ORDERS, 120, house.log)
    shop.goto(f"{house.shop}/orders/2")
    expect(shop.locator(".status")).to_have_text("stuck")
    expect(shop.get_by_text("Connection refused")).to_be_visible()

    # It is mended, and all that the filter matches are retried as one operation.
    weather(shop, house, "ok")
    console.goto(f"{house.console}/tickets?tab=errored&view=OrderClient.fulfill&q=refused")
    expect(console.locator("#rows tr")).to_have_count(ORDERS)
    console.get_by_label("Select this page").check()
    console.get_by_label(re.compile(rf"all that match \({ORDERS}\)")).check()
    console.locator("#bulk").get_by_role("button", name=re.compile("retry", re.IGNORECASE)).click()
    console.get_by_label("Reason").fill("the service is back")
    console.get_by_role("button", name=f"{ORDERS} tickets").click()
    wait_for(lambda: house.read(FULFILLED) == [("done",)] * (ORDERS + 1), 120, house.log)
    console.goto(f"{house.console}/tickets?tab=done&view=OrderClient.fulfill")
    expect(console.locator("#rows tr")).to_have_count(ORDERS + 1)
    for code in codes:
        shop.goto(house.shop)
        expect(shop.get_by_role("row").filter(has_text=code)).to_contain_text(re.compile("shipped|labelled"))

    # Who did it stands in the trail.
    console.goto(f"{house.console}/trail")
    by_olivia = console.get_by_role("row").filter(has_text="olivia").filter(has_text="the service is back")
    acts = by_olivia.filter(has_text="Order!")
    expect(acts).to_have_count(ORDERS)
    acts.first.get_by_role("cell").nth(3).get_by_role("link").first.click()
    expect(console.locator("[data-part=timeline]")).to_contain_text("olivia")
    expect(console.locator("[data-part=timeline]")).to_contain_text("the service is back")
