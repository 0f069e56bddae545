"""One stuck order, found by what the caller says, and run again: keys pressed and clicks are counted."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, insert

from counterfoil.tables import RootClass
from tests.console.tickets.cast import known, many, ticket
from tests.console.tickets.test_live_in_a_browser import address, chromium, database_url, page

__all__ = ["address", "chromium", "database_url", "page"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def stuck(engine: Engine) -> int:
    with engine.connect() as connection:
        known(connection, "OrderClient.fulfill")
        connection.execute(insert(RootClass).values(name="Order", link="/shop/orders/{key}"))
        many(connection, 2000)
        root = {"root_id": "Order!8123", "root_label": "ACME, order A-8123"}
        id_ = ticket(connection, "errored", view_model="OrderClient.fulfill", **root)
        ticket(connection, "done", **root)
        connection.commit()
    return id_


def test_a_caller_says_order_a_8123_and_it_runs_again_after_one_search_and_one_click(
    page: Page, stuck: int
) -> None:
    page.goto("/tickets")
    acts = 0

    def act(do: Callable[[], object]) -> None:
        nonlocal acts
        do()
        acts += 1

    act(lambda: page.keyboard.press("/"))
    page.keyboard.type("order A-8123 stat")
    offered = page.locator("#search-words option")
    expect(offered).to_have_count(1)
    expect(offered).to_have_attribute("value", "order A-8123 state:")
    page.keyboard.type("e:err")
    expect(offered).to_have_attribute("value", "order A-8123 state:errored")
    page.keyboard.type("ored")
    act(lambda: page.keyboard.press("Enter"))
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/tickets\?q=[^&]+$"))
    row = page.locator(f"#ticket-{stuck}")
    act(lambda: row.get_by_role("button", name="Retry").click())
    expect(row).to_contain_text("pending")
    assert acts == 3
    page.goto(f"/tickets/{stuck}")
    page.get_by_role("link", name="ACME, order A-8123").click()
    expect(page.get_by_role("heading", name="ACME, order A-8123")).to_be_visible()
    expect(page.get_by_role("link", name="Open in the application")).to_have_attribute(
        "href", "/shop/orders/8123"
    )
