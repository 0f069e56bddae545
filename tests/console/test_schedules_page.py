"""The page of schedules: what fires when, and an operator's acts on it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select

from counterfoil.clock import later
from counterfoil.tables import Notice, ScheduleRecord, TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket

EVER = datetime(2099, 1, 1, 2, tzinfo=UTC)


def planted(engine: Engine, **columns: Any) -> None:
    row = {"name": "nightly", "cron": "0 3 * * *", "zone": "Europe/Berlin", "view_model": "Invoices.print"}
    known = {"known_until": later(timedelta(hours=1)), "next_at": EVER, "catch_up": "one"}
    with engine.begin() as connection:
        connection.execute(insert(ScheduleRecord).values(row | known | columns))


def test_a_schedule_tells_its_next_fires_and_what_its_last_became(vera: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        last = ticket(connection, "errored")
    planted(engine, last_ticket_id=last, last_planted_at=later(timedelta(hours=-9)))
    planted(
        engine, name="gone", known_until=later(timedelta(hours=-1)), last_ticket_id=4711, opens="TheGreeter"
    )
    page = vera.get("/schedules").text
    assert "0 3 * * *" in page
    assert "2099-01-01" in page
    assert 'datetime="2099-01-02T02:00:00.000Z"' in page, "the fire after the next one"
    assert f'href="/tickets/{last}"' in page
    assert "chip-errored" in page
    assert "not declared" in page
    assert "purged" in page
    assert "which opens, one per result:" in page
    assert 'href="/trail?subject=schedule+nightly"' in page
    assert "<form" not in page.split("<main", 1)[1], "a viewer changes nothing"
    assert vera.post("/schedules/nightly/run-now").status_code == 403


def test_a_paused_schedule_and_a_lost_notice_stand_on_the_first_page(vera: Browser, engine: Engine) -> None:
    planted(engine, paused=True, paused_by="otto", paused_reason="stocktaking")
    given_up = {"person": "ada", "occasion": "errored", "topic": "f", "channel": "email"}
    with engine.begin() as connection:
        connection.execute(insert(Notice).values(**given_up, failed_at=later(timedelta(hours=-1))))
    page = vera.get("/").text
    assert "Schedule nightly is paused by otto" in page
    assert "One notice was given up within a day" in page


def test_an_operator_pauses_with_a_reason_resumes_and_runs_it_once(otto: Browser, engine: Engine) -> None:
    planted(engine)
    assert otto.post("/schedules/nightly/pause", data={"reason": " "}).status_code == 422
    assert (
        otto.post("/schedules/nightly/pause", data={"reason": "stock <b>taking", "hours": "4"}).status_code
        == 303
    )
    page = otto.get("/schedules").text
    assert "Paused by otto" in page
    assert "stock &lt;b&gt;taking" in page
    assert otto.post("/schedules/nightly/run-now", data={"seen": "0"}).status_code == 303
    assert otto.post("/schedules/nightly/run-now", data={"seen": "0"}).status_code == 409, "a double click"
    assert otto.post("/schedules/nightly/resume").status_code == 303
    assert otto.post("/schedules/nightly/resume").status_code == 409
    assert otto.post("/schedules/weekly/pause", data={"reason": "why"}).status_code == 404
    with engine.connect() as connection:
        told = connection.execute(select(TrailEntry.verb, TrailEntry.reason).order_by(TrailEntry.id)).all()
        opened = connection.execute(select(Ticket.view_model, Ticket.opened_by, Ticket.opened_via)).all()
    assert [tuple(row) for row in told if row.verb in ("pause", "resume", "run-now")] == [
        ("pause", "stock <b>taking"),
        ("run-now", None),
        ("resume", None),
    ]
    assert [tuple(row) for row in opened] == [("Invoices.print", "otto", "console")]
