"""The waiting page: by the public token, without rights, nothing else of the ticket, and it ends (O14)."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session
from werkzeug.test import Client
from werkzeug.wrappers import Response

from counterfoil import Ticket, catalogue, open_ticket, target
from counterfoil.registry import registry
from counterfoil.waiting_pages import MOST_STREAMS, WaitingPages, below


@pytest.fixture
def pages(engine: Engine) -> WaitingPages:
    return WaitingPages(engine.connect)


@pytest.fixture
def browser(pages: WaitingPages) -> Client:
    return Client(below("/wait", pages, Response("the host's own", 200)))


@pytest.fixture
def token(engine: Engine) -> Iterator[str]:
    """Of a ticket that waits."""
    with registry.scoped(), Session(engine) as session:
        target("Mail.send")(lambda *, to: None)
        with engine.begin() as connection:
            catalogue.write(connection, registry)
        ticket = open_ticket(session, "Mail.send", to="ada@lovelace.example", lane="secret lane")
        session.commit()
        yield ticket.token


def become(engine: Engine, token: str, state: str, **columns: Any) -> None:
    with engine.begin() as connection:
        changed = update(Ticket.__table__).where(Ticket.token == token)  # type: ignore[arg-type]
        connection.execute(changed.values(state=state, fence="f" if state == "running" else None, **columns))


def told(browser: Client, token: str, query: str = "") -> dict[str, Any]:
    return dict(json.loads(browser.get(f"/wait/{token}.json{query}").text))


def test_it_waits_runs_and_leaves_when_done_with_the_receipt_as_text(
    engine: Engine, browser: Client, token: str
) -> None:
    waiting = browser.get(f"/wait/{token}")
    assert "It waits for its turn." in waiting.text
    again = re.search(r'http-equiv="refresh" content="2;url=([^"]+)"', waiting.text)
    assert again
    assert told(browser, token) == {
        "status": "waiting", "finished": False, "text": "It waits for its turn.", "again_seconds": 2
    }  # fmt: skip
    become(engine, token, "running")
    assert "It is being done." in browser.get(again[1].replace("&amp;", "&")).text
    become(engine, token, "done", receipt="<script>alert(1)</script>")
    done = browser.get(f"/wait/{token}")
    assert "&lt;script&gt;alert(1)" in done.text
    assert "<script" not in done.text
    assert "refresh" not in done.text
    assert told(browser, token)["receipt"] == "<script>alert(1)</script>"
    assert done.headers["Cache-Control"] == "no-store"
    assert done.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        ("errored", "errored", "went wrong"),
        ("expired", "withdrawn", "withdrawn"),
        ("failed", "failed", "not be"),
    ],
)
def test_it_says_how_else_it_ended_and_nothing_of_the_error(
    engine: Engine, browser: Client, token: str, state: str, status: str, text: str
) -> None:
    become(engine, token, state, error="OSError: 10.0.0.7 refuses", receipt="half a receipt")
    shown = browser.get(f"/wait/{token}").text
    assert text in shown
    data = told(browser, token)
    assert (data["status"], data["finished"], data["receipt"]) == (status, True, None)
    for secret in ("10.0.0.7", "half a receipt", "Mail.send", "ada@", "secret lane"):
        assert secret not in shown + browser.get(f"/wait/{token}.json").text
    assert "refresh" not in shown


def test_what_was_rolled_back_was_not_ordered_and_what_was_purged_is_told_kindly(
    engine: Engine, browser: Client, token: str
) -> None:
    with registry.scoped(), Session(engine) as session:
        ticket = open_ticket(session, "Mail.send", params={"to": "x"})
        session.flush()
        rolled_back = ticket.token
        session.rollback()
    answer = browser.get(f"/wait/{rolled_back}")
    assert (answer.status_code, told(browser, rolled_back)["status"]) == (404, "not ordered")
    again = re.search(r"url=[^?]+\?([^\"]+)", browser.get(f"/wait/{token}").text)
    assert again
    with engine.begin() as connection:
        connection.execute(delete(Ticket.__table__))  # type: ignore[arg-type]
    gone = browser.get(f"/wait/{token}?{again[1].replace('&amp;', '&')}")
    assert gone.status_code == 410
    assert "its receipt is no longer kept" in gone.text
    for wrong in ("x", "'; DROP TABLE--", "%00" * 20, "a" * 65, "../../etc"):
        assert browser.get(f"/wait/{wrong}").status_code == 404


def test_it_ends_after_its_own_limit_and_may_be_looked_at_again(browser: Client, token: str) -> None:
    late = told(browser, token, "?until=1")
    assert (late["status"], late["finished"]) == ("too long", True)
    assert "refresh" not in browser.get(f"/wait/{token}?until=1&seen=1").text
    assert told(browser, token, "?until=nonsense")["status"] == "waiting"


def test_the_fragment_asks_again_until_there_is_nothing_to_wait_for(
    engine: Engine, browser: Client, token: str
) -> None:
    until = f"until={int(time.time()) + 600}"  # without it each answer says its own
    fragment = browser.get(f"/wait/{token}?{until}", headers={"HX-Request": "true"}).text
    assert fragment == browser.get(f"/wait/{token}?{until}&fragment=1").text
    assert fragment.startswith("<div ")
    assert until in fragment
    assert f'hx-get="/wait/{token}?' in fragment
    become(engine, token, "done")
    assert "hx-get" not in browser.get(f"/wait/{token}?fragment=1").text


def test_the_stream_tells_each_change_once_and_ends_with_the_waiting(
    engine: Engine, pages: WaitingPages, browser: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter(["waiting", "running", "running", "done"])

    def next_second(seconds: float) -> bool:
        become(engine, token, {"waiting": "pending"}.get(state := next(states), state))
        return False

    monkeypatch.setattr(pages.stop, "wait", next_second)
    events = browser.get(f"/wait/{token}/live").text
    found = [json.loads(line[6:])["status"] for line in events.splitlines() if line.startswith("data: ")]
    assert found == ["waiting", "running", "done"]


def test_streams_are_bounded_and_free_their_place_however_they_end(
    pages: WaitingPages, browser: Client, token: str
) -> None:
    for _ in range(2):
        streams = [browser.get(f"/wait/{token}/live") for _ in range(MOST_STREAMS)]
        assert {each.status_code for each in streams} == {200}
        assert browser.get(f"/wait/{token}/live").status_code == 503
        for each in streams:
            each.close()
    assert browser.get("/wait/0123456789abcdef/live").status_code == 404


def test_only_what_is_below_the_path_is_answered_and_nothing_is_written(browser: Client, token: str) -> None:
    assert browser.get("/elsewhere").text == "the host's own"
    assert browser.get("/waiting").text == "the host's own"
    assert browser.post(f"/wait/{token}").status_code == 405
    head = browser.head(f"/wait/{token}")
    assert (head.status_code, head.text) == (200, "")
    with pytest.raises(ValueError, match="for example /wait"):
        below("wait/", WaitingPages(lambda: None), Response())  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="no status 'lost'"):
        WaitingPages(lambda: None, texts={"lost": "?"})  # type: ignore[arg-type, return-value]
