"""Undo by button: on the timeline, the trail and the toast; refused when the ticket has moved since."""

from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from counterfoil.tables import TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket


@pytest.fixture
def errored(engine: Engine) -> int:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        return ticket(connection, "errored")


def acted(otto: Browser, engine: Engine, id_: int, verb: str, read_toast: bool = True, **data: str) -> int:
    """Otto does it; the trail's id of it."""
    assert otto.post(f"/tickets/{id_}/{verb}", data=data).status_code == 303
    if read_toast:
        otto.get("/tickets")
    with engine.connect() as connection:
        query = select(TrailEntry.id).where(TrailEntry.ticket_id == id_).order_by(TrailEntry.id.desc())
        return int(connection.execute(query.limit(1)).scalar_one())


def read(engine: Engine, id_: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(Ticket.__table__).where(Ticket.id == id_)).one()


def test_the_toast_the_timeline_and_the_trail_offer_it(otto: Browser, engine: Engine, errored: int) -> None:
    trail_id = acted(otto, engine, errored, "expire", read_toast=False)
    button = f'action="/trail/{trail_id}/undo"'
    toasted = otto.get("/tickets").text
    assert button in toasted.partition('id="toasts"')[2]
    assert button in otto.get(f"/tickets/{errored}").text
    assert button in otto.get("/trail").text


def test_it_puts_back_leads_to_where_it_was_asked_and_stands_in_the_trail(
    otto: Browser, engine: Engine, errored: int
) -> None:
    trail_id = acted(otto, engine, errored, "expire")
    answer = otto.post(f"/trail/{trail_id}/undo", headers={"Referer": "http://localhost/tickets?tab=errored"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tickets?tab=errored")
    assert read(engine, errored).state == "errored"
    with engine.connect() as connection:
        last = connection.execute(select(TrailEntry.__table__).order_by(TrailEntry.id.desc())).first()
    assert last is not None
    assert (last.actor, last.via, last.verb) == ("otto", "console", "undo")
    shown = otto.get(f"/tickets/{errored}").text
    assert "Undone: expire of ticket" in shown
    assert f"/trail/{trail_id}/undo" not in shown


def test_a_page_of_others_is_no_way_back(otto: Browser, engine: Engine, errored: int) -> None:
    trail_id = acted(otto, engine, errored, "expire")
    answer = otto.post(f"/trail/{trail_id}/undo", headers={"Referer": "http://evil.example/tickets"})
    assert answer.headers["Location"] == f"/tickets/{errored}"


def test_with_htmx_it_answers_the_tickets_body(otto: Browser, engine: Engine, errored: int) -> None:
    trail_id = acted(otto, engine, errored, "fail", reason="no")
    headers = {"HX-Request": "true", "HX-Target": "article#ticket"}
    answer = otto.post(f"/trail/{trail_id}/undo", headers=headers)
    assert answer.text.lstrip().startswith('<article id="ticket"')


def test_what_has_moved_since_answers_409_with_the_reason_and_no_button_asks_for_it(
    otto: Browser, engine: Engine, errored: int
) -> None:
    trail_id = acted(otto, engine, errored, "retry")
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == errored).values(moves=Ticket.moves + 1))
    for page in (f"/tickets/{errored}", "/trail"):
        assert f"/trail/{trail_id}/undo" not in otto.get(page).text
    answer = otto.post(f"/trail/{trail_id}/undo")
    assert answer.status_code == 409
    assert "has moved since" in answer.text
    assert read(engine, errored).state == "pending"


def test_what_is_no_act_on_a_ticket_is_not_there(otto: Browser, errored: int) -> None:
    assert otto.post("/trail/4711/undo").status_code == 404


def test_a_viewer_sees_who_may(otto: Browser, vera: Browser, engine: Engine, errored: int) -> None:
    trail_id = acted(otto, engine, errored, "expire")
    shown = vera.get("/trail").text.partition(f"/trail/{trail_id}/undo")[2]
    assert "disabled" in shown[:600]
    assert vera.post(f"/trail/{trail_id}/undo").status_code == 403
