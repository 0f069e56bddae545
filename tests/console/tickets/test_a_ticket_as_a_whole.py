"""What a ticket's page tells besides its state: attempts in time, follow-ups, notes; the file of it all."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, insert, update

from console.queries.follow_ups import STRETCH, follow_ups
from console.queries.ticket import MOST_LINES
from counterfoil.acts import Actor, act
from counterfoil.tables import Attempt, Log, Traceback, TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import many, ticket

BEGAN = datetime(2026, 3, 1, 2, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TEXT = (
    'Traceback (most recent call last):\n  File "/x/site-packages/lib.py", line 1, in run\n    go()\n'
    '  File "/app/shop.py", line 7, in ship\n    send()\nOSError: no route'
)


def part(page: str, name: str) -> str:
    """One section of the page."""
    return page.partition(f'data-part="{name}"')[2].partition("</section>")[0]


def cells(row: str) -> dict[str, str]:
    """The cells of a row of the attempts, by their label."""
    found = (cell.partition("</td>")[0] for cell in row.split('data-label="')[1:])
    return {cell.partition('"')[0]: cell.partition(">")[2].strip() for cell in found}


def test_attempts_tell_how_long_each_waited_and_ran_the_successful_one_too(
    otto: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        times = {"opened_at": BEGAN, "started_at": BEGAN + 21 * MINUTE, "done": BEGAN + 22 * MINUTE}
        id_ = ticket(connection, "done", claims=3, attempts=2, duration_ms=60_000, **times)
        for claim, started, ended in ((1, 3, 4), (2, 9, 11)):
            values: dict[str, Any] = {
                "ticket_id": id_,
                "claim": claim,
                "outcome": "back off",
                "error": "OSError",
            }
            values |= {"started_at": BEGAN + started * MINUTE, "ended_at": BEGAN + ended * MINUTE}
            took = {"duration_ms": (ended - started) * 60_000, "worker": "w1", "app_version": "7.2"}
            connection.execute(insert(Attempt).values(values | took))
        retried = {"actor": "ada", "via": "console", "verb": "retry", "ticket_id": id_}
        connection.execute(insert(TrailEntry).values(retried | {"at": BEGAN + 20 * MINUTE}))
    rows = part(otto.get(f"/tickets/{id_}").text, "attempts").split("<tr>")[2:]
    told = [cells(row) for row in rows]
    assert [(row["Waited"], row["Ran"]) for row in told] == [
        ("1 min 0 s", "1 min 0 s"),  # since somebody retried it
        ("5 min 0 s", "2 min 0 s"),
        ("3 min 0 s", "1 min 0 s"),
    ]
    assert "done" in told[0]["Outcome"]
    assert "w1" in told[1]["Worker"]
    assert "7.2" in told[1]["Worker"]


def test_the_newest_traceback_stands_open_and_those_before_it_are_a_click_away(
    otto: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, "errored", claims=2, attempts=2, error="OSError: no route")
        for claim in (1, 2):
            text = TEXT.replace("no route", f"no route {claim}")
            connection.execute(insert(Traceback).values(id=f"t{claim}", text=text))
            values = {"ticket_id": id_, "claim": claim, "outcome": "back off", "traceback_id": f"t{claim}"}
            connection.execute(insert(Attempt).values(values | {"error": f"OSError: no route {claim}"}))
    told = part(otto.get(f"/tickets/{id_}").text, "attempts")
    open_, _, table = told.partition("<table")
    assert "no route 2" in open_
    assert open_.index("/app/shop.py") < open_.index("<details") < open_.index("site-packages")
    assert "Copy as text" in open_
    assert "no route 1" in table.partition("<details>")[2]


def test_the_file_holds_all_that_the_page_leaves_out_and_masks_the_same(
    otto: Browser, vera: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        id_ = ticket(
            connection, "errored", params={"count": 3, "api_key": "canary-1"}, error="password=canary-2"
        )
        line = {"ticket_id": id_, "claim": 1, "level": 20}
        lines = [line | {"message": f"line {n} token=canary-3"} for n in range(MOST_LINES + 5)]
        connection.execute(insert(Log), lines)
        connection.execute(insert(Traceback).values(id="t1", text=TEXT))
        values = {"ticket_id": id_, "claim": 1, "outcome": "error", "error": "OSError", "traceback_id": "t1"}
        connection.execute(insert(Attempt).values(values))
        act(connection, "note", id_, Actor("ada", "console"), reason="bank is down")
    page = otto.get(f"/tickets/{id_}").text
    assert f"The newest {MOST_LINES} lines" in page
    assert f'href="/tickets/{id_}/export"' in page
    assert len(json.loads(otto.get(f"/tickets/{id_}.json").text)["logs"]) == MOST_LINES
    for who in (otto, vera):
        answer = who.get(f"/tickets/{id_}/export")
        assert answer.headers["Content-Disposition"] == f"attachment; filename=ticket-{id_}.json"
        assert "canary" not in answer.text
        told = json.loads(answer.text)
        assert [line["message"][:7] for line in told["logs"][:2]] == ["line 0 ", "line 1 "]
        assert len(told["logs"]) == MOST_LINES + 5
        assert told["attempts"][0]["traceback"] == TEXT
        assert told["trail"][0]["reason"] == "bank is down"
        assert told["whole"] == {"attempts": True, "logs": True, "trail": True, "elements": True}
    assert otto.get(f"/tickets/{id_ + 1}/export").status_code == 404


def test_what_its_work_opened_is_found_among_all_others_by_the_primary_key(
    otto: Browser, engine: Engine
) -> None:
    with engine.connect() as connection:
        many(connection, 4 * STRETCH)
        connection.execute(update(Ticket).values(opened_at=BEGAN - MINUTE))
        parent = ticket(
            connection, "done", opened_at=BEGAN, started_at=BEGAN + MINUTE, done=BEGAN + 2 * MINUTE
        )
        ticket(connection, opened_at=BEGAN + MINUTE)
        own = [ticket(connection, parent_id=parent, opened_at=BEGAN + 2 * MINUTE) for _ in range(2)]
        connection.commit()
        many(connection, 2 * STRETCH)
        connection.commit()
        row = connection.execute(Ticket.__table__.select().where(Ticket.id == parent)).one()
        sent: list[tuple[str, Any]] = []

        def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
            sent.append((statement, parameters))

        event.listen(engine, "before_cursor_execute", note)
        found = follow_ups(connection, row)
        event.remove(engine, "before_cursor_execute", note)
        assert ([child.id for child in found.rows], found.part) == (own, False)
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        for statement, parameters in sent:
            plan = str(connection.exec_driver_sql(explain + statement, parameters).all())
            assert "Seq Scan" not in plan, plan
            assert "SCAN counterfoil_tickets" not in plan, plan
    page = otto.get(f"/tickets/{parent}").text
    told = part(page, "follow-ups")
    for id_ in own:
        assert f'href="/tickets/{id_}"' in told
        assert f'href="/tickets/{parent}"' in otto.get(f"/tickets/{id_}").text


def test_notes_stand_by_themselves_for_whoever_comes_next(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, "errored")
    assert 'data-part="notes"' not in otto.get(f"/tickets/{id_}").text
    with engine.begin() as connection:
        act(connection, "note", id_, Actor("ada", "console"), reason="the customer was told")
        act(connection, "acknowledge", id_, Actor("otto", "console"), reason="bank is down till 06:00")
    told = part(otto.get(f"/tickets/{id_}").text, "notes")
    assert told.index("bank is down till 06:00") < told.index("the customer was told")
    assert "ada" in told
