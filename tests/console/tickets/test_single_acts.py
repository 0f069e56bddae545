"""A button's POST: done with its trail, in place with htmx, 409 with how the ticket is now."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from counterfoil.tables import TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket


def made(engine: Engine, state: str, **fields: Any) -> int:
    with engine.begin() as connection:
        return ticket(connection, state, **fields)


def read(engine: Engine, id_: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(Ticket.__table__).where(Ticket.id == id_)).one()


def row_of(id_: int) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": f"tr#ticket-{id_}"}


@pytest.fixture(autouse=True)
def registered(engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")


@pytest.mark.parametrize(
    ("verb", "state", "reached", "data"),
    [
        ("retry", "errored", "pending", {}),
        ("run-now", "pending", "pending", {}),
        ("hold", "pending", "held", {}),
        ("release", "held", "pending", {}),
        ("expire", "errored", "expired", {}),
        ("fail", "errored", "failed", {"reason": "give up"}),
        ("extend", "held", "held", {"until": "24h"}),
        ("extend", "pending", "pending", {"until": "none"}),
        ("keep", "done", "done", {"until": "7d"}),
        ("acknowledge", "errored", "errored", {}),
        ("note", "running", "running", {"reason": "the bank is down till 06:00"}),
        ("stop", "running", "pending", {}),
        ("stop", "running", "held", {"hold": "1", "reason": "it sends the mail twice"}),
        ("keep", "done", "done", {"until": "evidence", "reason": "audit"}),
    ],
)
def test_an_act_without_javascript_redirects_back_and_stands_in_the_trail(
    otto: Browser, engine: Engine, verb: str, state: str, reached: str, data: dict[str, str]
) -> None:
    id_ = made(engine, state)
    answer = otto.post(f"/tickets/{id_}/{verb}", data=data | {"next": "/tickets?tab=errored", "moves": "0"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tickets?tab=errored")
    assert read(engine, id_).state == reached
    with engine.connect() as connection:
        entry = connection.execute(select(TrailEntry.__table__).where(TrailEntry.ticket_id == id_)).one()
    assert (entry.actor, entry.via, entry.verb) == ("otto", "console", verb)
    assert f"icket {id_} " in otto.get("/tickets").text  # the toast


def test_with_htmx_a_rows_act_answers_the_fresh_row_and_a_toast(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "errored")
    data = {"moves": "0", "list": "tab=errored"}
    answer = otto.post(f"/tickets/{id_}/retry", data=data, headers=row_of(id_))
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith(f'<tr id="ticket-{id_}"')
    assert "row-gone" in answer.text
    assert "now pending" in answer.text
    assert "tried again" in answer.text


def test_with_htmx_a_pages_act_answers_its_body(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "errored")
    headers = {"HX-Request": "true", "HX-Target": "article#ticket"}
    answer = otto.post(f"/tickets/{id_}/expire", data={"moves": "0"}, headers=headers)
    assert answer.text.lstrip().startswith('<article id="ticket"')


@pytest.mark.parametrize("headers", [{}, "row"])
def test_a_ticket_that_moved_on_answers_409_with_how_it_is_now(
    otto: Browser, engine: Engine, headers: Any
) -> None:
    id_ = made(engine, "errored", moves=4)
    headers = row_of(id_) if headers else {}
    answer = otto.post(f"/tickets/{id_}/retry", data={"moves": "3"}, headers=headers)
    assert answer.status_code == 409
    assert "has moved on" in answer.text
    assert read(engine, id_).state == "errored"
    assert "errored" in answer.text


def test_an_act_that_its_state_does_not_allow_is_409(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "done")
    answer = otto.post(f"/tickets/{id_}/hold", data={})
    assert answer.status_code == 409
    assert "hold is for tickets that are pending" in answer.text


@pytest.mark.parametrize(
    ("verb", "state", "data", "says"),
    [
        ("fail", "errored", {}, "fail needs a reason"),
        ("fail", "errored", {"reason": "   "}, "fail needs a reason"),
        ("extend", "pending", {"until": "soon"}, "is no time"),
        ("extend", "pending", {"until": "2001-01-01"}, "is past"),
        ("extend", "pending", {}, "is no time"),
        ("keep", "done", {"until": "evidence"}, "say why"),
        ("retry", "errored", {"moves": "x"}, "moves is no number"),
        ("retry", "errored", {"reason": "x" * 2001}, "at most 2000"),
    ],
)
def test_a_form_that_does_not_fit_is_422_and_changes_nothing(
    otto: Browser, engine: Engine, verb: str, state: str, data: dict[str, str], says: str
) -> None:
    id_ = made(engine, state)
    answer = otto.post(f"/tickets/{id_}/{verb}", data=data)
    assert answer.status_code == 422
    assert says in answer.text
    assert read(engine, id_).moves == 0


def test_unknown_verbs_and_tickets_are_not_found(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "errored")
    assert otto.post(f"/tickets/{id_}/purge").status_code == 404
    assert otto.post(f"/tickets/{id_}/claim").status_code == 404
    assert otto.post(f"/tickets/{id_ + 1}/retry").status_code == 404


def test_a_viewer_changes_nothing(vera: Browser, engine: Engine) -> None:
    id_ = made(engine, "errored")
    assert vera.post(f"/tickets/{id_}/retry").status_code == 403
    assert read(engine, id_).state == "errored"


def test_run_now_says_what_still_stands_in_its_way(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "pending")
    otto.post(f"/tickets/{id_}/run-now")
    assert "No live worker listens" in otto.get("/tickets").text


def test_what_is_done_runs_again_from_its_own_page_with_its_own_words(otto: Browser, engine: Engine) -> None:
    id_ = made(engine, "done")
    page = otto.get(f"/tickets/{id_}").text
    assert "its effects happen twice" in page
    assert "Run again" in page
    otto.post(f"/tickets/{id_}/retry", data={"moves": "0"})
    assert (read(engine, id_).state, read(engine, id_).run) == ("pending", 1)


@pytest.mark.parametrize(("list_", "state"), [("expiring", "held"), ("leaving", "failed")])
def test_an_act_on_a_row_of_expiring_answers_that_lists_row(
    otto: Browser, engine: Engine, list_: str, state: str
) -> None:
    id_ = made(engine, state)
    verb = "extend" if list_ == "expiring" else "keep"
    address = f"/tickets/{id_}/{verb}?moves=0&until=7d"
    answer = otto.post(address, data={"row": list_}, headers=row_of(id_))
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith(f'<tr id="ticket-{id_}"')
    assert "Tries" not in answer.text
    assert f"/tickets/{id_}/{verb}?" in answer.text
