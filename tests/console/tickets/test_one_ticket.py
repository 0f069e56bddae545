"""A ticket's page: what happens, why not, what happened; 404 and 410; everything from a ticket is text."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, update

from counterfoil.acts import Actor, act
from counterfoil.histogram import bucket
from counterfoil.tables import (
    Attempt,
    Drain,
    Log,
    Process,
    Queue,
    Rollup,
    RootClass,
    Sample,
    Slot,
    Traceback,
    TrailEntry,
    Version,
    ViewModelRecord,
)
from counterfoil.ticket import STATES, Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket

EVER = datetime(2099, 1, 1, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}${x}\u202e"


def made(engine: Engine, state: str = "pending", **fields: Any) -> int:
    with engine.begin() as connection:
        return ticket(connection, state, **fields)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_page_and_its_data(otto: Browser, engine: Engine, state: str) -> None:
    id_ = made(engine, state, root_id="Customer!42", root_label="ACME")
    page = otto.get(f"/tickets/{id_}")
    assert page.status_code == 200
    assert "ACME" in page.text
    data = json.loads(otto.get(f"/tickets/{id_}.json").text)
    assert (data["ticket"]["id"], data["ticket"]["state"]) == (id_, state)
    assert not {"fence", "token"} & data["ticket"].keys()


def test_an_id_that_never_was_is_404_and_a_purged_one_410_with_what_the_trail_tells(
    otto: Browser, engine: Engine
) -> None:
    id_ = made(engine, "errored", root_id="Customer!42")
    with engine.begin() as connection:
        act(connection, "expire", id_, Actor("ada", "console"), reason="the customer left")
        connection.execute(delete(Ticket).where(Ticket.id == id_))
    for suffix in ("", ".json"):
        assert otto.get(f"/tickets/{id_ + 1}{suffix}").status_code == 404
        gone = otto.get(f"/tickets/{id_}{suffix}")
        assert gone.status_code == 410
        assert "the customer left" in gone.text
    assert otto.get(f"/tickets/{2**63}").status_code == 404


def test_attempts_logs_trail_and_other_tickets_are_told(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "errored", root_id="Customer!42", claims=2, attempts=2)
    other = made(engine, "done", root_id="Customer!42")
    text = (
        'Traceback (most recent call last):\n  File "/x/site-packages/lib.py", line 1, in run\n    go()\n'
        '  File "/app/shop.py", line 7, in ship\n    send()\nOSError: no route'
    )
    with engine.begin() as connection:
        connection.execute(insert(Traceback).values(id="t1", text=text))
        values = {"ticket_id": id_, "claim": 1, "outcome": "back off", "error": "OSError: no route"}
        connection.execute(insert(Attempt).values(values | {"traceback_id": "t1", "worker": "w1"}))
        connection.execute(insert(Log).values(ticket_id=id_, claim=1, level=30, message="half way"))
        connection.execute(insert(RootClass).values(name="Customer", link="https://shop.example/c/{key}"))
        act(connection, "acknowledge", id_, Actor("ada", "console"), reason="bank is down")
    page = otto.get(f"/tickets/{id_}").text
    for words in ("OSError: no route", "/app/shop.py", "half way", "bank is down", "w1", f"/tickets/{other}"):
        assert words in page
    assert "https://shop.example/c/42" in page
    assert page.index("/app/shop.py") < page.index("/x/site-packages/lib.py")


def test_params_are_a_typed_table_with_secrets_masked_by_the_settings_role(
    otto: Browser, vera: Browser, engine: Engine
) -> None:
    params = {
        "amount": {"$": "decimal", "v": "1.50"}, "count": 3, "api_key": "canary-1",
        "nested": {"password": "canary-2", "name": "x"}, "customer_token": "canary-3",
    }  # fmt: skip
    id_ = made(engine, "done", params=params, receipt={"secret": "canary-4", "number": 7})
    for path in (f"/tickets/{id_}", f"/tickets/{id_}.json"):
        assert "1.50" in otto.get(path).text
        assert "1.50" not in vera.get(path).text
        for who in (otto, vera):
            assert "canary" not in who.get(path).text
    assert "decimal" in otto.get(f"/tickets/{id_}").text


def test_secrets_in_errors_tracebacks_and_logs_are_masked(otto: Browser, engine: Engine) -> None:
    text = "ConnectionError: password=canary-1 Authorization: Bearer canary-2 {'api_key': 'canary-3'}"
    id_ = made(engine, "errored", error=text)
    with engine.begin() as connection:
        connection.execute(insert(Traceback).values(id="t1", text=text))
        values = {"ticket_id": id_, "claim": 1, "outcome": "error", "error": text, "traceback_id": "t1"}
        connection.execute(insert(Attempt).values(values))
        connection.execute(insert(Log).values(ticket_id=id_, claim=1, level=30, message=text))
    for path in (f"/tickets/{id_}", f"/tickets/{id_}.json", "/tickets"):
        assert "canary" not in otto.get(path).text
        assert "ConnectionError" in otto.get(path).text


def test_everything_from_a_ticket_is_text(otto: Browser, engine: Engine) -> None:
    fields: dict[str, Any] = {"view_model": HOSTILE, "root_id": "X!" + HOSTILE, "root_label": HOSTILE}
    fields["error"] = HOSTILE
    fields |= {"queue": HOSTILE[:100], "lane": HOSTILE, "params": {HOSTILE: HOSTILE}, "opened_by": HOSTILE}
    fields |= {"receipt": HOSTILE, "postponed_reason": HOSTILE, "postponed_count": 1, "in_charge": HOSTILE}
    id_ = made(engine, "errored", **fields)
    with engine.begin() as connection:
        known(connection, HOSTILE, queue=HOSTILE[:100])
        connection.execute(insert(Traceback).values(id="t1", text=HOSTILE))
        values = {"ticket_id": id_, "claim": 1, "outcome": "error", "error": HOSTILE, "traceback_id": "t1"}
        connection.execute(insert(Attempt).values(values | {"worker": HOSTILE, "app_version": HOSTILE}))
        connection.execute(insert(Log).values(ticket_id=id_, claim=1, level=30, message=HOSTILE))
        entry = {"actor": HOSTILE, "via": "cli", "verb": "note", "ticket_id": id_, "reason": HOSTILE}
        connection.execute(insert(TrailEntry).values(entry))
        connection.execute(insert(RootClass).values(name="X", link="javascript:alert(1)//{key}"))
        waits = ticket(connection, "pending", view_model=HOSTILE, queue=HOSTILE[:100], lane=HOSTILE)
        connection.execute(update(Queue).values(paused=True, paused_by=HOSTILE, paused_reason=HOSTILE))
    paths = [f"/tickets/{id_}", f"/tickets/{waits}", "/tickets", "/tickets?tab=errored", "/expiring"]
    paths += [f"/tickets/{id_}?part=acts", f"/tickets/rows?ids={id_}.{waits}"]
    for path in paths:
        page = otto.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "<img src=x" not in page.text, path
        assert "javascript:alert" not in page.text, path
        assert ">49<" not in page.text, path


def reasons(browser: Browser, id_: int) -> list[str]:
    page = browser.get(f"/tickets/{id_}").text
    return [part.partition('"')[0] for part in page.split('data-code="')[1:]]


def test_why_it_is_not_running_names_every_reason_most_binding_first(otto: Browser, engine: Engine) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    with engine.begin() as connection:
        known(connection, "Customer.assign_number", queue="numbers")
        base = {"queue": "numbers"}
        plain = ticket(connection, **base)
        later = ticket(connection, retry_at=soon, **base)
        retrying = ticket(connection, retry_at=soon, claims=2, attempts=2, **base)
        postponed = ticket(
            connection, retry_at=soon, claims=1, postponed_count=3, postponed_reason="bank closed", **base
        )
        holder = ticket(connection, "running", lane="L", **base)
        laned = ticket(connection, lane="L", turn=False, **base)
        staged, unknown = ticket(connection, "held", **base), ticket(connection, view_model="Nobody", **base)
    assert reasons(otto, plain) == ["no-worker", "scheduler-away"]
    assert ">counterfoil worker --queue numbers</code>" in otto.get(f"/tickets/{plain}").text
    assert reasons(otto, later)[0] == "not-due"
    assert reasons(otto, retrying)[0] == "retrying"
    assert "attempt 3 of 5" in otto.get(f"/tickets/{retrying}").text
    assert reasons(otto, postponed)[0] == "postponed"
    assert "bank closed" in otto.get(f"/tickets/{postponed}").text
    assert "lane-busy" in reasons(otto, laned)
    assert f'href="/tickets/{holder}"' in otto.get(f"/tickets/{laned}").text
    assert reasons(otto, staged) == ["staged"]
    with engine.begin() as connection:
        act(connection, "release", staged, Actor("otto", "console"))
        act(connection, "hold", staged, Actor("otto", "console"), reason="wait for the audit")
    assert reasons(otto, staged) == ["held"]
    assert "wait for the audit" in otto.get(f"/tickets/{staged}").text

    lives = {"host": "h", "pid": 1, "seen_until": soon}
    with engine.begin() as connection:
        connection.execute(
            insert(Process).values(lives | {"name": "w", "sort": "worker", "queues": ["numbers"]})
        )
        connection.execute(
            insert(Process).values(lives | {"name": "s", "sort": "scheduler", "reachable": {"redis": False}})
        )
        connection.execute(
            update(ViewModelRecord)
            .where(ViewModelRecord.name == "Customer.assign_number")
            .values(known_until=soon)
        )
    assert reasons(otto, unknown)[0] == "unknown"
    assert reasons(otto, plain) == ["redis-away"]
    with engine.begin() as connection:
        connection.execute(update(Process).values(reachable={"redis": True}))
    assert reasons(otto, plain) == ["any-moment"]
    assert "ahead" in reasons(otto, ticket_behind(engine))
    with engine.begin() as connection:
        connection.execute(update(Queue).values(paused=True, paused_by="ada", paused_reason="migration"))
    assert reasons(otto, plain) == ["queue-paused"]
    assert "migration" in otto.get(f"/tickets/{plain}").text


def ticket_behind(engine: Engine) -> int:
    with engine.begin() as connection:
        return ticket(connection, queue="numbers", priority=9)


def test_why_names_full_pools_paused_view_models_unsaved_roots_and_the_turn_of_another(
    otto: Browser, engine: Engine
) -> None:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        known(connection, "Customer.assign_number", queue="numbers", known_until=now + timedelta(hours=1))
        known(connection, "Paused", queue="q", paused=True, paused_by="ada", paused_reason="bank is down")
        connection.execute(update(Queue).where(Queue.name == "numbers").values(pool_size=1))
        connection.execute(insert(Slot).values(queue="numbers", n=1, until=now + timedelta(hours=1)))
        base = {"queue": "numbers"}
        plain = ticket(connection, **base)
        rootless = ticket(connection, aside="root", aside_since=now, turn=False, **base)
        paused = ticket(connection, view_model="Paused", aside="paused", aside_since=now, turn=False, **base)
        first = ticket(connection, lane="L", **base)
        second = ticket(connection, lane="L", turn=False, **base)
    assert "pool-full" in reasons(otto, plain)
    assert "1 of 1" in otto.get(f"/tickets/{plain}").text
    assert reasons(otto, rootless)[0] == "root"
    assert reasons(otto, paused)[0] == "view-model-paused"
    assert "bank is down" in otto.get(f"/tickets/{paused}").text
    assert "lane-turn" in reasons(otto, second)
    assert f'href="/tickets/{first}"' in otto.get(f"/tickets/{second}").text


@pytest.mark.parametrize(
    ("rate", "says"),
    [(None, "ahead of it in its queue.<"), (0, "does not come at this rate"), (1, "about 2 minutes."),
     (90, "about 1 minute.")],
)  # fmt: skip
def test_why_reckons_when_its_turn_comes(otto: Browser, engine: Engine, rate: int | None, says: str) -> None:
    with engine.begin() as connection:
        for _ in range(2):
            ticket(connection, queue="numbers")
        last = ticket(connection, queue="numbers", priority=9)
        figures = {"numbers": {"rate": rate} if rate is not None else {}}
        connection.execute(insert(Sample).values(counts={}, queues=figures, rates={}))
    page = otto.get(f"/tickets/{last}").text
    assert "2 tickets are ahead of it" in page
    assert says.removesuffix("<") in page


def test_why_leads_to_the_pages_where_it_is_mended_and_names_versions(otto: Browser, engine: Engine) -> None:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        known(connection, "Paused", queue="q", paused=True, paused_by="ada")
        known(connection, "Lifted", queue="r", known_until=now + timedelta(hours=1))
        over = {"paused": True, "paused_until": now - timedelta(hours=1), "known_until": EVER}
        known(connection, "Over", queue="s", **over)
        connection.execute(insert(Version).values(app_version="7.1", view_models=["Gone.away"]))
        connection.execute(insert(Process).values(name="w", sort="worker", queues=["q"], seen_until=EVER))
        aside = {"queue": "q", "aside": "paused", "aside_since": now, "turn": False}
        paused, lifted = (ticket(connection, view_model=name, **aside) for name in ("Paused", "Lifted"))
        over_one = ticket(connection, view_model="Over", queue="q")
        gone = ticket(connection, view_model="Gone.away", queue="q", aside="unknown", turn=False)
    assert 'href="/view-models/Paused"' in otto.get(f"/tickets/{paused}").text
    assert reasons(otto, lifted)[0] == "coming-back"
    assert "view-model-paused" not in reasons(otto, over_one)
    assert "Versions that know it: 7.1." in otto.get(f"/tickets/{gone}").text
    with engine.begin() as connection:
        connection.execute(update(Queue).where(Queue.name == "q").values(paused=True))
    assert 'href="/queues/q"' in otto.get(f"/tickets/{over_one}").text


def test_a_running_ticket_tells_its_time_beside_the_usual_its_lease_and_its_last_line(
    otto: Browser, engine: Engine
) -> None:
    now, began = datetime.now(UTC), time.monotonic()
    hist = {str(bucket(2000)): 9}
    row = {"span_seconds": 900, "queue": "", "view_model": "Customer.assign_number", "finished": 9}
    with engine.begin() as connection:
        runs = ticket(connection, "running", started_at=now - timedelta(seconds=90))
        drain = {"id": "drain1", "queue": "default", "worker": "worker 7", "until": EVER, "ticket_id": runs}
        connection.execute(insert(Drain).values(progress_done=3, progress_total=10, **drain))
        connection.execute(insert(Rollup).values(at=now - timedelta(hours=2), runs=hist, **row))
        for line in ("begun", "page 3 of 10"):
            connection.execute(insert(Log).values(ticket_id=runs, claim=1, level=20, message=line))
    head = otto.get(f"/tickets/{runs}").text.partition('class="one-head"')[2].partition("</header>")[0]
    minutes, seconds = map(int, re.findall(r"So far (\d+) min (\d+) s", head)[0])
    # It ran for 90 seconds when this test began. The duration is rounded; a reading a hair off is no fault.
    assert 89 <= minutes * 60 + seconds <= 92 + time.monotonic() - began
    assert "usually 1.9 s, 95 % within 1.9 s" in head
    assert "worker 7" in head
    assert "lease renewed" in head
    assert "<progress" in head
    assert "page 3 of 10</q>" in head
