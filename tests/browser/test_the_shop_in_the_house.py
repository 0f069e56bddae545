"""The shop beside real workers: a page that polls, a printer that is away, poison, and a phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from examples.shop.visitor import Visitor
from tests.browser.house import House, running_house, wait_for
from tests.servers import chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.xdist_group("house")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    with chromium.running(chromium_path) as browser:
        yield browser.new_page(viewport={"width": 360, "height": 740})


def test_the_page_of_a_form_follows_by_itself(house: House, page: Page) -> None:
    page.goto(house.shop)
    page.get_by_label("A: name").fill("Grace Hopper")
    page.get_by_role("button", name="Send the form").click()
    page.wait_for_url("**/forms/*")
    loaded = page.evaluate("window.loaded = Math.random()")
    expect(page.get_by_text("All stored, and grace@hopper.example has been told.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"4711-\d{4}"))).to_be_visible()
    assert page.evaluate("window.loaded") == loaded, "the page was loaded again"


def test_labels_wait_while_the_printer_is_away(house: House, page: Page) -> None:
    page.goto(f"{house.shop}/weather")
    page.get_by_role("button", name="Take it away").click()
    page.goto(house.shop)
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url("**/orders/*")
    order = page.url.rpartition("/")[2]
    label = (
        "SELECT state, attempts, error, postponed_reason FROM counterfoil_tickets "
        "WHERE view_model = 'Order.print_label' AND root_id = ?"
    )
    waits = ("pending", 0, None, "the label printer is away")
    wait_for(lambda: house.read(label, f"Order!{order}") == [waits], 120, house.log)
    page.goto(f"{house.shop}/weather")
    page.get_by_role("button", name="Bring it back").click()
    wait_for(lambda: house.read(label, f"Order!{order}")[0][0] == "done", 120, house.log)


def test_poison_takes_nothing_else_with_it(house: House, page: Page) -> None:
    page.goto(f"{house.shop}/weather")
    page.get_by_role("button", name="Order poison").click()
    page.goto(house.shop)
    page.get_by_role("button", name="By view model").click()
    page.wait_for_url("**/customers/*")
    customer = f"Customer!{page.url.rpartition('/')[2]}"
    ended = "SELECT state, error_kind, attempts FROM counterfoil_tickets WHERE view_model = 'Shop.poison'"
    done = "SELECT state FROM counterfoil_tickets WHERE root_id = ?"
    wait_for(lambda: house.read(done, customer) == [("done",)], 120, house.log)
    wait_for(lambda: house.read(ended) == [("errored", "lost", 2)], 180, house.log)


def test_no_page_is_wider_than_a_phone(house: House, page: Page) -> None:
    visitor = Visitor(house.shop)
    made = [visitor.press(path) for path in ("/customers", "/orders", "/forms")]
    for path in ["/", "/weather", "/mails", *made]:
        page.goto(house.shop + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.get_by_role("heading", level=1).count() == 1, path
