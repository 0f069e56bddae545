"""Expiring: two lists that are never mixed, a window in the address, clean receipts as one line."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from counterfoil.tables import Batch, Sample, Traceback
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket

SOON = timedelta(minutes=30)


def lists(html: str) -> dict[str, list[int]]:
    parts = re.split(r'aria-labelledby="title-(expiring|leaving)"|(id="clean")', html)
    found, name = {}, ""
    for part in parts:
        if part in ("expiring", "leaving"):
            name = part
        elif part == 'id="clean"':
            name = "clean"
        elif part and name:
            found[name] = [int(id_) for id_ in re.findall(r'<tr id="ticket-(\d+)"', part)]
    return found


def test_what_will_not_run_and_receipts_leaving_are_two_lists(otto: Browser, engine: Engine) -> None:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        held = ticket(connection, "held", expires_at=now + SOON)
        waits = ticket(connection, "pending", expires_at=now + 2 * SOON - timedelta(minutes=1))
        ticket(connection, "pending", expires_at=now + timedelta(hours=2))
        ticket(connection, "pending")
        failed = ticket(connection, "failed", delete_time=now + SOON)
        clean = ticket(connection, "done", delete_time=now + SOON)
    page = otto.get("/expiring?window=1h").text
    assert lists(page) == {"expiring": [held, waits], "leaving": [failed], "clean": []}
    part = re.search(r'hx-get="([^"]+part=clean)" hx-trigger="load"', page)
    assert part, "what simply succeeded is asked for once the page is shown"
    told = otto.get(part[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert "1 receipt of a ticket that simply succeeded" in told
    assert "<html" not in told
    assert lists(otto.get("/expiring?window=1h&clean=1").text)["clean"] == [clean]
    assert len(lists(otto.get("/expiring").text)["expiring"]) == 3


def test_a_days_purge_is_previewed_with_what_else_it_takes(vera: Browser, engine: Engine) -> None:
    assert "No operation, traceback or closed batch leaves within the window." in besides(vera)
    soon = datetime.now(UTC) - timedelta(days=30) + SOON
    with engine.begin() as connection:
        connection.execute(insert(Traceback), [{"id": c * 64, "text": c, "seen_at": soon} for c in "ab"])
        connection.execute(insert(Batch).values(label="May", closed_at=soon))
    assert "0 operations, 2 tracebacks, 1 closed batch." in besides(vera)


def besides(browser: Browser) -> str:
    """What the purge takes besides, as a page asks for it."""
    return " ".join(browser.get("/expiring?window=24h&part=clean").text.split())


def waiting(browser: Browser, address: str) -> str:
    """The number beside what will not run."""
    page = browser.get(address).text
    found = re.search(r'id="title-expiring">Will not run <span class="count">([\d,]+)<', page)
    assert found
    return found[1]


def test_a_full_lists_number_is_the_snapshots_of_a_day_unless_it_is_old(
    otto: Browser, engine: Engine
) -> None:
    soon = datetime.now(UTC) + SOON
    with engine.begin() as connection:
        for _ in range(51):
            ticket(connection, "held", expires_at=soon)
        connection.execute(
            insert(Sample).values(counts={"expiring": 123, "leaving": 23}, queues={}, rates={})
        )
    assert waiting(otto, "/expiring") == "100"
    assert waiting(otto, "/expiring?window=7d") == "51"
    with engine.begin() as connection:
        connection.execute(update(Sample).values(at=datetime.now(UTC) - timedelta(minutes=1)))
    assert waiting(otto, "/expiring") == "51"


def test_nothing_expiring_teaches(otto: Browser) -> None:
    page = otto.get("/expiring?window=7d")
    assert page.status_code == 200
    assert "No deadline of a waiting ticket" in page.text


@pytest.mark.parametrize("query", ["window=2h", "sort=1"])
def test_a_window_that_is_none_is_told(otto: Browser, query: str) -> None:
    assert otto.get(f"/expiring?{query}").status_code == 422
