"""The list in a real browser: what is read keeps its place while everything changes."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import Engine, select, update
from werkzeug.serving import make_server

from console.live import Changes
from console.stopping import STOP
from counterfoil.acts import Actor, act
from counterfoil.tables import TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import PASSWORD
from tests.console.tickets.cast import known, ticket
from tests.servers.chromium import running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
WAIT_MS = 30_000
"""For what comes by itself: not a promise, those are measured, but more than a busy machine needs."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough here: what the pages read is tested on both without a browser."""
    return sqlite_url


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with running(chromium_path) as launched:
        yield launched


@pytest.fixture
def address(console: Flask, cast: None) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, console, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    changes: Changes = console.extensions["counterfoil_changes"]
    STOP.set()
    with changes.changed:
        changes.changed.notify_all()
    server.shutdown()
    thread.join()
    server.server_close()
    while changes.open:  # its streams look at STOP twice a second
        time.sleep(0.01)
    STOP.clear()


@pytest.fixture
def page(address: str, chromium: Browser) -> Iterator[Page]:
    """Otto's browser; at the end nothing broke the content security policy and no script failed."""
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(2 * WAIT_MS)
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda m: faults.append(m.text) if "Content Security" in m.text else None)
    made.goto("/sign-in")
    made.fill("input[name=name]", "otto")
    made.fill("input[name=password]", PASSWORD)
    made.click("form button")
    made.wait_for_url("**/")
    yield made
    context.close()
    assert faults == []


@pytest.fixture
def make(engine: Engine) -> Callable[..., int]:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number", known_until=datetime(2100, 1, 1, tzinfo=UTC))

    def made(state: str = "pending", **fields: Any) -> int:
        with engine.begin() as connection:
            return ticket(connection, state, **fields)

    return made


def row(page: Page, id_: int) -> Any:
    return page.locator(f"#ticket-{id_}")


WATCH = """(ids) => {
  const boxes = () => ids.map((id) => {
    const box = document.getElementById(`ticket-${id}`).getBoundingClientRect();
    return [box.x, box.y, box.width, box.height].join();
  });
  window.began = boxes().join(";"); window.moved = 0; window.frames = 0;
  const look = () => {
    window.frames++;
    const now = boxes().join(";");
    if (now !== window.began) { window.moved++; window.to = now; }
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.parametrize("width", [1280, 360])
def test_under_20_changes_a_second_a_hovered_focused_and_selected_row_keeps_its_box(
    page: Page, engine: Engine, make: Callable[..., int], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    ids = [make(root_label=f"ACME {n}", root_id=f"C!{n}") for n in range(30)][::-1]
    page.goto("/tickets")
    hovered, focused, selected = ids[2], ids[1], ids[3]
    row(page, selected).locator("input").check()
    row(page, focused).locator("a").first.focus()
    row(page, hovered).locator(".cell-state").hover()
    page.evaluate(WATCH, [hovered, focused, selected, *ids[4:8]])
    end = time.monotonic() + 60
    changes = 0
    while time.monotonic() < end and (changes < 80 or page.evaluate("window.frames") <= 20):
        at = ids[changes % len(ids)]
        with engine.begin() as connection:
            values = {"state": "errored", "error": "OSError: " + "long " * 40, "attempts": 5, "turn": False}
            values |= {"done": datetime.now(UTC), "moves": Ticket.moves + 1}
            connection.execute(update(Ticket).where(Ticket.id == at).values(values))
        if changes % 4 == 0:
            make(root_label="a new one", root_id="C!new")
        changes += 1
        page.wait_for_timeout(20)
    expect(row(page, ids[0])).to_contain_text("errored")
    expect(row(page, hovered)).to_contain_text("OSError")
    expect(page.locator("#fresh")).to_have_text(re.compile(r"^\d+ new - show$"))
    assert page.evaluate("window.frames") > 20
    assert page.evaluate("window.moved") == 0, page.evaluate("[window.began, window.to]")
    assert row(page, selected).locator("input").is_checked()
    assert page.evaluate("document.activeElement.closest('tr').id") == f"ticket-{focused}"
    assert changes >= 80
    page.locator("#fresh").click()
    expect(page.locator("#rows")).to_contain_text("a new one")


NOTE_WHEN_GONE = """(id) => {
  const row = document.getElementById(`ticket-${id}`);
  const note = () => { if (row.classList.contains("row-gone")) window.gone ||= Date.now(); };
  new MutationObserver(note).observe(row, { attributeFilter: ["class"] });
}"""


@pytest.mark.alone
def test_a_row_that_leaves_the_filter_stays_greyed_and_says_where_it_went(
    page: Page, engine: Engine, make: Callable[..., int]
) -> None:
    first, second = make("errored"), make("errored")
    with page.expect_response("**/tickets/rows?*"):  # the stream is open
        page.goto("/tickets?tab=errored")
    page.evaluate(NOTE_WHEN_GONE, first)
    started = time.time()
    with engine.begin() as connection:
        act(connection, "retry", first, Actor("ada", "cli"))
    expect(row(page, first)).to_have_class(re.compile("row-gone"))
    expect(row(page, first)).to_contain_text("now pending")
    expect(row(page, second)).not_to_have_class(re.compile("row-gone"))
    # As the page saw it: what waits for a row here looks but once a second.
    assert page.evaluate("window.gone") / 1000 - started < 2
    page.reload()
    expect(row(page, first)).to_have_count(0)


def test_without_streams_the_page_polls(page: Page, engine: Engine, make: Callable[..., int]) -> None:
    id_ = make("errored")
    page.route("**/live?*", lambda route: route.fulfill(status=204))
    page.goto("/tickets?tab=errored")
    with engine.begin() as connection:
        act(connection, "retry", id_, Actor("ada", "cli"))
    expect(row(page, id_)).to_contain_text("now pending")


def test_a_rows_button_acts_in_place_and_a_stale_one_shows_how_it_is_now(
    page: Page, engine: Engine, make: Callable[..., int]
) -> None:
    id_ = make("errored")
    page.goto("/tickets?tab=errored")
    row(page, id_).get_by_role("button", name="Retry").click()
    expect(row(page, id_)).to_contain_text("now pending")
    expect(page.locator("#toasts")).to_contain_text("tried again")
    assert page.url.endswith("/tickets?tab=errored")

    def away(route: Route) -> None:
        route.abort()

    page.route("**/live?*", away)
    page.route("**/tickets/rows?*", away)
    stale = make("errored")
    page.goto("/tickets?tab=errored")
    with engine.begin() as connection:
        act(connection, "expire", stale, Actor("ada", "cli"))
    row(page, stale).get_by_role("button", name="Retry").click()
    expect(row(page, stale)).to_contain_text("now expired")
    expect(page.locator("#toasts")).to_contain_text("has moved on")


@pytest.mark.parametrize("by", ["u", "button"])
def test_what_a_row_s_button_did_is_taken_back_from_its_toast(
    page: Page, make: Callable[..., int], by: str
) -> None:
    id_ = make("errored")
    page.goto("/tickets?tab=errored")
    row(page, id_).get_by_role("button", name="Retry").click()
    expect(row(page, id_)).to_contain_text("now pending")
    undo = page.locator("#toasts form [data-undo]")
    expect(undo).to_be_visible()
    # Until it is answered, and has led back to the list: to go elsewhere at once would call the act back.
    with (
        page.expect_navigation(),
        page.expect_response(lambda got: got.request.method == "POST" and got.url.endswith("/undo")),
    ):
        page.keyboard.press("u") if by == "u" else undo.click()
    expect(row(page, id_)).to_contain_text("errored")
    page.goto("/tickets?tab=errored")
    expect(row(page, id_)).to_contain_text("errored")


def test_a_row_is_selected_by_its_key(page: Page, make: Callable[..., int]) -> None:
    ids = [make("errored") for _ in range(2)][::-1]
    page.goto("/tickets?tab=errored")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(row(page, ids[1]).locator("input")).to_be_checked()
    expect(row(page, ids[0]).locator("input")).not_to_be_checked()
    expect(page.locator("#bulk")).to_contain_text("1 selected")
    page.keyboard.press("x")
    expect(row(page, ids[1]).locator("input")).not_to_be_checked()


def test_fail_asks_for_its_reason_in_a_dialog_and_the_row_changes(
    page: Page, engine: Engine, make: Callable[..., int]
) -> None:
    id_ = make("errored")
    page.goto("/tickets?tab=errored")
    row(page, id_).focus()
    page.keyboard.press("f")
    dialog = page.locator("#acts-dialog")
    reason = dialog.locator("#act-fail input[name=reason]")
    expect(reason).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.type("the customer is gone")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(row(page, id_)).to_contain_text("now failed")
    with engine.connect() as connection:
        found = connection.execute(select(TrailEntry.reason).where(TrailEntry.ticket_id == id_))
        assert found.scalar_one() == "the customer is gone"


def test_rows_are_selected_by_click_shift_and_page_and_go_to_an_operation(
    page: Page, make: Callable[..., int]
) -> None:
    ids = [make("errored") for _ in range(6)][::-1]
    page.goto("/tickets?tab=errored")
    bar = page.locator("#bulk")
    expect(bar).not_to_be_visible()
    row(page, ids[1]).locator("input").click()
    row(page, ids[3]).locator("input").click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    page.locator("[data-pick-page]").click()
    expect(bar).to_contain_text("6 selected")
    row(page, ids[0]).locator("input").click()
    bar.get_by_role("button", name="Retry").click()
    page.wait_for_url("**/operations/*")
    expect(page.locator("#operation")).to_contain_text("5 tickets picked by hand")


def test_a_tickets_page_follows_its_ticket_but_not_under_a_half_written_reason(
    page: Page, engine: Engine, make: Callable[..., int]
) -> None:
    id_ = make("errored")
    page.goto(f"/tickets/{id_}")
    page.locator("#act-fail summary").click()
    page.locator("#act-fail input[name=reason]").fill("half a rea")
    with engine.begin() as connection:
        act(connection, "acknowledge", id_, Actor("ada", "cli"), reason="bank is down")
    expect(page.locator("[data-part=timeline]")).to_contain_text("bank is down")
    expect(page.locator("#act-fail input[name=reason]")).to_have_value("half a rea")
    page.reload()
    with engine.begin() as connection:
        act(connection, "retry", id_, Actor("ada", "cli"))
    expect(page.locator("[data-part=head]")).to_contain_text("pending")
    expect(page.locator("[data-part=why]")).to_contain_text("No live worker")


def test_search_is_in_place_and_in_the_address(page: Page, make: Callable[..., int]) -> None:
    hit, miss = make(root_label="Müller"), make(root_label="ACME")
    page.goto("/tickets")
    page.fill("#search", "müll")
    page.keyboard.press("Enter")
    expect(row(page, miss)).to_have_count(0)
    expect(row(page, hit)).to_be_visible()
    expect(page).to_have_url(re.compile("q=m%C3%BCll"))
    expect(page.locator("#search")).to_be_focused()
