"""Two nights in a real browser: a slow queue and what fills it; a bad deploy paused, mended, released."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import create_engine, insert
from werkzeug.serving import make_server

from console import people
from console.app import create_console
from console.database import db
from counterfoil.histogram import bucket
from counterfoil.settings import Settings
from counterfoil.sqlite import prepare
from counterfoil.tables import Leader, Process, Queue, Rollup
from tests.servers import chromium
from tests.worker.scheduling import Stage
from worker.scheduler.ringer import Ringer
from worker.scheduler.sampler import Sampler

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EVER = datetime(2099, 1, 1, tzinfo=UTC)
PASSWORD = "a password for browsers 9"


@dataclass
class Night:
    """A console, hands on its database, and a page on which the administrator has signed in."""

    url: str
    stage: Stage
    page: Page
    said: list[str]


@pytest.fixture
def night(sqlite_url: str, tmp_path: Path, chromium_path: str) -> Iterator[Night]:
    engine = prepare(create_engine(sqlite_url))
    stage = Stage(engine)
    for name in ("Order.print", "Order.send"):
        stage.know(name, queue="slow")
    with engine.begin() as connection:
        link = people.first_admin_link(connection)
        connection.execute(insert(Queue).values(name="slow", pool_size=1))
        live = {"queues": ["slow"], "seen_until": EVER}
        connection.execute(insert(Process).values(name="w", sort="worker", **live))
        connection.execute(insert(Process).values(name="s", sort="scheduler", **live))
        connection.execute(insert(Leader).values(name="scheduler", holder="s", until=EVER))
    console = create_console(Settings(database_url=sqlite_url, data=tmp_path))
    server = make_server("127.0.0.1", 0, console, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        with chromium.running(chromium_path) as browser:
            page = browser.new_page()
            said: list[str] = []
            page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(f"{url}/first-entry/{link}")
            page.fill("#name", "ada")
            page.fill("#password", PASSWORD)
            page.fill("#again", PASSWORD)
            page.click("text=Save and sign in")
            page.wait_for_url(f"{url}/")
            yield Night(url, stage, page, said)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        with console.app_context():
            db.engine.dispose()
        engine.dispose()


def test_a_slow_queue_and_what_fills_it(night: Night) -> None:
    page, stage = night.page, night.stage
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    lately = [row for n in range(1, 31) for row in _rollups(60, now - n * MINUTE, 90 if n < 6 else 30)]
    quarter = now - timedelta(minutes=now.minute % 15)
    usually = [row for n in range(8, 30) for row in _rollups(900, quarter - n * 15 * MINUTE, 15 * 30)]
    with stage.engine.begin() as connection:
        connection.execute(insert(Rollup), lately + usually)
    for _ in range(20):
        stage.open("Order.print", execute_earliest=-5 * MINUTE)
    then = now - timedelta(seconds=30) - datetime.now(UTC)  # within the last point
    done = stage.open("Order.send", state="done", queue="slow", turn=False, done=then, delete_time=HOUR)
    stage.open("Order.send", state="done", queue="slow", turn=False, done=then - MINUTE, delete_time=HOUR)
    Sampler().act(stage.beat())

    page.goto(night.url)
    page.get_by_role("link", name="Queue slow is behind").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue slow")
    expect(page.locator("[data-part=split]")).to_contain_text("Order.print comes more often")

    # The charts: drawn under the policy, one cross-hair for all, the figures beside the keys.
    expect(page.locator(".plot canvas")).to_have_count(4)
    plots = page.locator(".plot .u-over")
    plots.first.scroll_into_view_if_needed()
    place = plots.first.bounding_box()
    assert place
    last = {"x": place["width"] - 2, "y": 40}
    plots.first.hover(position=last)  # type: ignore[arg-type]
    expect(page.locator(".plot .value").first).to_have_text("30")
    expect(page.locator(".plot .value").nth(4)).not_to_be_empty()  # another plot's
    assert night.said == []
    plots.first.click(position=last)  # type: ignore[arg-type]
    page.wait_for_url("**/tickets?tab=done*")
    expect(page.locator(f"#ticket-{done}")).to_be_visible()
    expect(page.locator("#rows tr")).to_have_count(1)

    page.go_back()
    page.get_by_label("Pool size").fill("5")
    page.get_by_role("button", name="Change in").click()
    expect(page.locator("#toasts")).to_contain_text("new size")
    expect(page.locator("[data-part=now]")).to_contain_text("of 5 at once")


def test_a_bad_deploy_is_paused_mended_and_released(night: Night) -> None:
    page, stage = night.page, night.stage
    waits = stage.open("Order.print", lane="customer:1")
    goes_on = stage.open("Order.send", lane="customer:1")
    page.goto(f"{night.url}/tickets/{waits}")
    page.goto(f"{night.url}/view-models")
    page.get_by_role("link", name="Order.print").click()
    page.locator("summary", has_text="Pause").click()
    page.get_by_label("Why").fill("7.2 prints the wrong weight")
    page.get_by_role("button", name="Pause Order.print in").click()
    expect(page.locator("#toasts")).to_contain_text("is paused")
    Ringer().act(stage.beat())
    assert _asides(stage) == {waits: "paused", goes_on: None}

    page.goto(f"{night.url}/")
    expect(page.locator(".judgement")).to_contain_text("7.2 prints the wrong weight")
    page.goto(f"{night.url}/tickets/{waits}")
    expect(page.locator("[data-code=view-model-paused]")).to_contain_text("by ada")
    page.get_by_role("link", name="to the view model").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#toasts")).to_contain_text("runs again")
    Ringer().act(stage.beat())
    assert _asides(stage) == {waits: None, goes_on: None}
    page.goto(f"{night.url}/tickets/{waits}")
    expect(page.locator("[data-code=view-model-paused]")).to_have_count(0)
    assert night.said == []


def _asides(stage: Stage) -> dict[int, str | None]:
    return {row.id: row.aside for row in stage.do("SELECT id, aside FROM counterfoil_tickets")}


def _rollups(span: int, at: datetime, arrivals: int) -> Iterator[dict[str, object]]:
    took = {str(bucket(700)): 30}
    for queue, view_model in (("", ""), ("slow", ""), ("slow", "Order.print")):
        yield {
            "span_seconds": span, "queue": queue, "view_model": view_model, "at": at, "arrivals": arrivals,
            "finished": span // 2, "run_ms": 700 * span // 2, "due": 20, "waits": took, "runs": took,
        }  # fmt: skip
