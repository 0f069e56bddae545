"""A row's markup is kept by the process: it is never older than the ticket, and never another reader's."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, update

from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket

HOSTILE = "</td><script>alert('x')</script>{{ 7 * 7 }}\"'%(n)s&amp;"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Markup does not hang on the dialect."""
    return sqlite_url


def one(engine: Engine, state: str = "errored", **fields: object) -> int:
    with engine.begin() as connection:
        return ticket(connection, state, **fields)


def row(browser: Browser, path: str = "/tickets") -> str:
    """The first row, without the words for how long ago: they change by themselves."""
    found = re.search(r'<tr id="ticket-.*?</tr>', browser.get(path).text, re.DOTALL)
    assert found
    return re.sub(r"(<time [^>]*>)[^<]*", r"\1", found[0])


def test_one_s_own_act_shows_at_once_in_the_row_and_in_the_list(otto: Browser, engine: Engine) -> None:
    id_ = one(engine)
    seen = row(otto)
    assert seen == row(otto)
    assert "chip-errored" in seen
    moves = re.search(r'name="moves" value="(\d+)"', seen)
    assert moves
    htmx = {"HX-Request": "true", "HX-Target": f"tr#ticket-{id_}"}
    answer = otto.post(f"/tickets/{id_}/retry", data={"moves": moves[1]}, headers=htmx)
    assert answer.status_code == 200
    assert "chip-pending" in answer.text
    assert "chip-pending" in row(otto)
    late = otto.post(f"/tickets/{id_}/retry", data={"moves": moves[1]}, headers=htmx)
    assert late.status_code == 409
    assert "chip-pending" in late.text
    assert "chip-pending" in row(otto, f"/tickets/rows?ids={id_}")


@pytest.mark.parametrize(
    "changed",
    [
        {"root_label": "Babbage & Sons"},
        {"error": "OSError: another"},
        {"attempts": 4},
        {"max_attempts": 9},
        {"moves": 77},
        {"done": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_changes_in_the_table_changes_in_the_row(
    otto: Browser, engine: Engine, changed: dict[str, object]
) -> None:
    id_ = one(engine, root_id="Order!1", root_label="ACME")
    before = row(otto)
    tag = otto.get(f"/tickets/rows?ids={id_}").headers["ETag"]
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == id_).values(changed))
    assert row(otto) != before
    assert otto.get(f"/tickets/rows?ids={id_}", headers={"If-None-Match": tag}).status_code == 200


def test_a_viewer_and_an_operator_have_each_their_own_row(
    otto: Browser, vera: Browser, engine: Engine
) -> None:
    one(engine)
    for _ in range(2):
        assert "disabled" not in row(otto)
        assert "disabled" in row(vera)


def test_each_reads_the_exact_time_in_the_own_zone(otto: Browser, vera: Browser, engine: Engine) -> None:
    id_ = one(engine, done=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert vera.post("/profile", data={"zone": "Asia/Tokyo"}).status_code == 303
    for _ in range(2):
        assert "2026-01-02 03:04:05 UTC" in row(otto)
        assert "2026-01-02 12:04:05 JST" in row(vera)
    tag = otto.get(f"/tickets/rows?ids={id_}").headers["ETag"]
    assert vera.get(f"/tickets/rows?ids={id_}", headers={"If-None-Match": tag}).status_code == 200


def test_hostile_text_stays_text_however_often_the_row_is_shown(
    signed_in: Callable[[str], Browser], engine: Engine
) -> None:
    hostile = {"view_model": HOSTILE, "root_id": "Order!" + HOSTILE, "root_label": HOSTILE, "error": HOSTILE}
    id_ = one(engine, **hostile)
    for browser in (signed_in("otto"), signed_in("vera"), signed_in("otto")):
        for path in ("/tickets", f"/tickets/rows?ids={id_}", f"/tickets/rows?ids={id_}&tab=done"):
            html = row(browser, path)
            assert "<script" not in html
            assert html.count("<td") == html.count("</td>") == 8
            assert "&lt;script&gt;" in html
            assert "{{ 7 * 7 }}" in html
