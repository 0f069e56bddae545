"""Expiring: two lists that are never mixed, a window in the address, clean receipts as one line."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from counterfoil.tables import Batch, Traceback
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
    assert "1 receipt of a ticket that simply succeeded" in page
    assert lists(otto.get("/expiring?window=1h&clean=1").text)["clean"] == [clean]
    assert len(lists(otto.get("/expiring").text)["expiring"]) == 3


def test_a_days_purge_is_previewed_with_what_else_it_takes(vera: Browser, engine: Engine) -> None:
    assert "No operation, traceback or closed batch leaves within the window." in vera.get("/expiring").text
    soon = datetime.now(UTC) - timedelta(days=30) + SOON
    with engine.begin() as connection:
        connection.execute(insert(Traceback), [{"id": c * 64, "text": c, "seen_at": soon} for c in "ab"])
        connection.execute(insert(Batch).values(label="May", closed_at=soon))
    page = " ".join(vera.get("/expiring?window=24h").text.split())
    assert "0 operations, 2 tracebacks, 1 closed batch." in page


def test_nothing_expiring_teaches(otto: Browser) -> None:
    page = otto.get("/expiring?window=7d")
    assert page.status_code == 200
    assert "No deadline of a waiting ticket" in page.text


@pytest.mark.parametrize("query", ["window=2h", "sort=1"])
def test_a_window_that_is_none_is_told(otto: Browser, query: str) -> None:
    assert otto.get(f"/expiring?{query}").status_code == 422
