"""Errors by cause: the list, one group, acts on all of it, and what persons say about it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from counterfoil.error_groups import BUCKET_SECONDS, count_errored
from counterfoil.filters import TicketFilter
from counterfoil.tables import Attempt, ErrorGroup, Operation, Queue, TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket

BANK, DISK = "b" * 32, "d" * 32


@pytest.fixture(autouse=True)
def night(engine: Engine) -> list[int]:
    """The bank is down (three tickets), a disk is full (one)."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        made = [ticket(connection, "errored", fingerprint=BANK, error="BankDown: <b>no") for _ in range(3)]
        made.append(ticket(connection, "errored", fingerprint=DISK))
        for fingerprint, name in ((BANK, "BankDown"), (DISK, "OSError")):
            values = {
                "fingerprint": fingerprint,
                "class_name": name,
                "place": "shop.work:book",
                "error": f"{name}: <b>no",
                "first_seen_at": now - timedelta(hours=1),
                "last_seen_at": now,
                "app_version": "a1b2c3",
                "failures": 20,
                "trend": {str(int(now.timestamp()) // BUCKET_SECONDS): 7},
                "ticket_id": made[0],
            }
            connection.execute(insert(ErrorGroup).values(values))
        count_errored(connection)
    return made


def test_the_list_tells_the_worst_cause_first_and_leads_to_it(vera: Browser) -> None:
    shown = vera.get("/errors").text
    assert shown.index(f"/errors/{BANK}") < shown.index(f"/errors/{DISK}")
    for words in ("BankDown", "shop.work:book", "in a1b2c3"):
        assert words in shown
    assert "<b>no" not in shown
    assert 'href="/errors"' in vera.get("/").text


def test_the_latest_example_says_what_it_said_and_not_what_the_first_one_did(
    vera: Browser, engine: Engine, night: list[int]
) -> None:
    values = {"ticket_id": night[0], "fingerprint": BANK, "outcome": "error", "grouped": True}
    with engine.begin() as connection:
        for claim, error in ((2, "BankDown: till noon"), (1, "BankDown: till ten")):
            connection.execute(insert(Attempt).values(values | {"claim": claim, "error": error}))
    shown = vera.get(f"/errors/{BANK}").text
    assert ("till noon" in shown, "till ten" in shown, "&lt;b&gt;no" in shown) == (True, False, False)


def test_a_ticket_leads_to_its_group_and_the_group_to_its_tickets(vera: Browser, night: list[int]) -> None:
    assert f"/errors/{BANK}" in vera.get(f"/tickets/{night[0]}").text
    group = vera.get(f"/errors/{BANK}").text
    assert f"/tickets/{night[0]}" in group
    assert f"tab=errored&amp;error={BANK}" in group
    listed = vera.get(f"/tickets?tab=errored&error={BANK}").text
    assert [f'id="ticket-{id_}"' in listed for id_ in night] == [True, True, True, False]


def test_the_filter_reads_one_index_and_finds_the_group_alone(engine: Engine, night: list[int]) -> None:
    wanted = TicketFilter.parse(f"tab=errored&error={BANK}")
    assert wanted.is_narrowed
    assert TicketFilter.parse(wanted.query()) == wanted
    (scan,) = wanted.scans(datetime.now(UTC))
    assert scan.index == "counterfoil_tickets_fingerprint"
    with engine.connect() as connection:
        found = connection.execute(select(Ticket.id).where(scan.where)).scalars().all()
        other = TicketFilter(error=DISK).where(datetime.now(UTC))
        assert connection.execute(select(Ticket.id).where(other)).scalars().all() == night[3:]
    assert sorted(found) == night[:3]


def test_retrying_the_group_asks_for_an_operation_on_it_alone(otto: Browser, engine: Engine) -> None:
    query = f"tab=errored&error={BANK}"
    data = {"verb": "retry", "scope": "all", "query": query, "submit_token": "t" * 32}
    assert otto.post("/operations", data=data).status_code == 303
    with engine.connect() as connection:
        operation = connection.execute(select(Operation.__table__)).one()
    assert (operation.verb, operation.query) == ("retry", query)


def test_an_operation_names_its_cause_as_the_errors_page_does(otto: Browser) -> None:
    asked = {"verb": "retry", "scope": "all", "query": f"tab=errored&error={BANK}", "submit_token": "t" * 32}
    there = otto.post("/operations", data=asked).headers["Location"]
    head = otto.get(there).text.partition("All that match")[2].partition("</header>")[0]
    assert f'<a href="/errors/{BANK}" translate="no">BankDown</a>' in head
    assert "BankDown: &lt;b&gt;no" in head
    assert "<code>tab=errored</code>" in head
    assert BANK not in re.sub(r'href="[^"]*"', "", head)
    unknown = asked | {"query": "error=" + "0" * 32, "submit_token": "u" * 32}
    assert (
        "<code>error=" + "0" * 32 in otto.get(otto.post("/operations", data=unknown).headers["Location"]).text
    )


def test_acknowledging_and_muting_are_told_and_taken_back(otto: Browser, engine: Engine) -> None:
    here = f"/errors/{BANK}"
    answer = otto.post(f"{here}/acknowledge", data={"note": "bank is down till 06:00"})
    assert (answer.status_code, answer.headers["Location"]) == (303, here)
    assert otto.post(f"{here}/mute", data={"until": "24h"}).status_code == 303
    shown = otto.get(here).text
    assert "bank is down till 06:00" in shown
    assert "Muted until" in shown
    listed = otto.get("/errors").text
    assert listed.index(f"/errors/{DISK}") < listed.index(f"/errors/{BANK}")
    assert otto.post(f"{here}/unmute").status_code == 303
    assert otto.post(f"{here}/unmute").status_code == 409
    with engine.connect() as connection:
        about = select(TrailEntry.verb).where(TrailEntry.subject == f"errors {BANK}")
        entries = connection.execute(about.order_by(TrailEntry.id)).scalars().all()
    assert entries == ["acknowledge", "mute", "unmute"]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"until": "quiet"}, "an hour has passed without a failure"),
        ({"until": "count", "failures": "100"}, "120 failed attempts"),
    ],
)
def test_it_is_muted_until_silence_or_a_number_of_failures(
    otto: Browser, wish: dict[str, str], says: str
) -> None:
    assert otto.post(f"/errors/{BANK}/mute", data=wish).status_code == 303
    facts = otto.get(f"/errors/{BANK}").text.partition("facts-title")[2]
    assert says in facts.partition("Muted until")[2][:200]
    assert "muted" in otto.get("/errors").text


def test_acknowledging_its_tickets_too_asks_for_an_operation(otto: Browser, engine: Engine) -> None:
    data = {"note": "bank is down", "tickets": "1", "submit_token": "t" * 32}
    answer = otto.post(f"/errors/{BANK}/acknowledge", data=data)
    with engine.connect() as connection:
        operation = connection.execute(select(Operation.__table__)).one()
        noted = connection.execute(select(ErrorGroup.note).where(ErrorGroup.fingerprint == BANK)).scalar()
    assert answer.headers["Location"].startswith(f"/operations/{operation.id}")
    assert (operation.verb, noted) == ("acknowledge", "bank is down")


def test_the_queue_that_it_comes_from_is_a_link_away(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(ErrorGroup).values(view_model="Customer.assign_number"))
        connection.execute(insert(Queue).values(name="default"))
    assert 'href="/queues/default"' in otto.get(f"/errors/{BANK}").text


def test_nonsense_is_told(otto: Browser, vera: Browser) -> None:
    for wrong in (
        {"until": "count"},
        {"until": "count", "failures": "0"},
        {"until": "count", "failures": "x"},
    ):
        assert otto.post(f"/errors/{BANK}/mute", data=wrong).status_code == 422
    assert otto.post(f"/errors/{BANK}/mute", data={"until": "2001-01-01"}).status_code == 422
    assert otto.get("/errors/none").status_code == 404
    assert otto.post("/errors/none/acknowledge").status_code == 404
    assert vera.post(f"/errors/{BANK}/mute", data={"until": "24h"}).status_code == 403
    assert "disabled" in vera.get(f"/errors/{BANK}").text
