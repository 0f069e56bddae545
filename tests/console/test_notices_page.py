"""E7: a notice that was given up stands on a page, and an operator has it sent again."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, insert, select

from counterfoil.clock import later
from counterfoil.tables import Notice, TrailEntry
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket
from tests.worker.scheduling import Stage
from worker.scheduler.postman import Postman


def lost(engine: Engine, **columns: Any) -> int:
    """A message by the log that was given up an hour ago."""
    message = {"occasion": "errored", "person": "ada", "count": 3, "ticket_id": 1, "topic": "f"}
    values = {
        "person": "ada",
        "occasion": "errored",
        "topic": "f",
        "channel": "log",
        "count": 3,
        "message": message | {"view_model": "Invoices.print"},
        "attempts": 8,
        "error": "ConnectionRefusedError: <mail> server",
        "failed_at": later(timedelta(hours=-1)),
    }
    with engine.begin() as connection:
        query = insert(Notice).values(values | columns).returning(Notice.id)
        return int(connection.execute(query).scalar_one())


def test_a_viewer_reads_whom_it_should_have_reached_and_why_it_did_not(vera: Browser, engine: Engine) -> None:
    assert "None was given up" in vera.get("/notices").text
    with engine.begin() as connection:
        about = ticket(connection, "errored")
    lost(engine, ticket_id=about)
    page = vera.get("/notices").text
    assert "ada" in page
    assert f'href="/tickets/{about}"' in page
    assert "and 2 more" in page
    assert "after 8 attempts:" in page
    assert "ConnectionRefusedError: &lt;mail&gt; server" in page
    assert 'href="/notices"' in vera.get("/").text
    assert vera.post("/notices/send-again", data={"id": "1"}).status_code == 403


def test_an_operator_has_one_sent_again_and_the_postman_sends_it_under_its_id(
    otto: Browser, engine: Engine
) -> None:
    one, other = lost(engine), lost(engine)
    again = {"id": str(one), "listed": [str(one), str(other)]}
    assert otto.post("/notices/send-again", data=again).status_code == 303
    assert otto.post("/notices/send-again", data=again).status_code == 409, "a double click"
    postman = Postman()
    postman.act(Stage(engine).beat())
    postman.join()
    with engine.connect() as connection:
        found = connection.execute(
            select(Notice.id, Notice.attempts, Notice.sent_at.is_not(None), Notice.error).order_by(Notice.id)
        ).fetchall()
        told = connection.execute(
            select(TrailEntry.actor, TrailEntry.verb, TrailEntry.subject, TrailEntry.before).where(
                TrailEntry.verb == "send-again"
            )
        ).fetchall()
    assert [tuple(row) for row in found] == [
        (one, 1, True, None),
        (other, 8, False, "ConnectionRefusedError: <mail> server"),
    ]
    error = {"state": "given up", "error": "ConnectionRefusedError: <mail> server"}
    assert [tuple(row) for row in told] == [("otto", "send-again", f"notice {one} to ada by log", error)]


def test_all_that_stand_on_the_page_are_sent_again_and_nothing_else(otto: Browser, engine: Engine) -> None:
    listed = [lost(engine) for _ in range(3)]
    later_one = lost(engine)
    assert otto.post("/notices/send-again", data={"listed": [str(i) for i in listed]}).status_code == 303
    with engine.connect() as connection:
        left = connection.execute(select(Notice.id).where(Notice.failed_at.is_not(None))).scalars().all()
    assert left == [later_one]
    for bad in ({}, {"id": "x"}, {"id": "-1"}, {"listed": ["1"] * 201}):
        assert otto.post("/notices/send-again", data=bad).status_code == 422
