"""Edit and retry by a form: types survive, complaints stand at their field, secrets are never shown."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, select

from counterfoil.tables import TrailEntry
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket

PARAMS = {"count": 3, "rate": {"$": "decimal", "v": "1.50"}, "api_key": "canary-7", "tags": ["a"]}


@pytest.fixture
def errored(engine: Engine) -> int:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        return ticket(connection, "errored", params=PARAMS)


def row(engine: Engine, id_: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(Ticket.state, Ticket.params).where(Ticket.id == id_)).one()


def test_it_runs_again_with_them_and_nobody_reads_the_secret(
    otto: Browser, vera: Browser, engine: Engine, errored: int
) -> None:
    form = otto.get(f"/tickets/{errored}").text
    assert 'name="param.rate" value="1.50"' in form
    assert "canary-7" not in form
    data = {"moves": "0", "param.count": "4", "param.rate": "1.50", "param.api_key": "", "reason": "typo"}
    answer = otto.post(f"/tickets/{errored}/edit", data=data | {"param.tags": '["b"]'})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/tickets/{errored}")
    assert row(engine, errored) == ("pending", PARAMS | {"count": 4, "tags": ["b"]})
    assert "3 \N{RIGHTWARDS ARROW} 4" in otto.get("/trail").text.partition("params.count")[2][:40]
    assert "********" in vera.get("/trail").text.partition("params.count")[2][:40]
    told = vera.get(f"/tickets/{errored}.json").text
    assert json.loads(told)["trail"][0]["before"]["params"] == "********"


def test_a_new_secret_is_taken_and_stands_nowhere_on_a_page(
    otto: Browser, engine: Engine, errored: int
) -> None:
    otto.post(f"/tickets/{errored}/edit", data={"moves": "0", "param.api_key": "canary-8"})
    assert row(engine, errored).params == PARAMS | {"api_key": "canary-8"}
    for path in ("/trail", f"/tickets/{errored}", f"/tickets/{errored}.json"):
        assert "canary" not in otto.get(path).text


def test_what_does_not_fit_is_told_at_its_field_and_what_was_typed_stays(
    otto: Browser, engine: Engine, errored: int
) -> None:
    data = {"moves": "0", "param.count": "many", "param.rate": "2.75"}
    answer = otto.post(f"/tickets/{errored}/edit", data=data)
    assert answer.status_code == 422
    field = answer.text.partition('name="param.count"')[2]
    assert 'value="many"' in field[:60]
    assert "a whole number, such as 42" in field[:500]
    assert 'name="param.rate" value="2.75"' in answer.text
    assert row(engine, errored) == ("errored", PARAMS)


def test_one_that_has_moved_on_a_viewer_and_a_waiting_one_are_refused(
    otto: Browser, vera: Browser, engine: Engine, errored: int
) -> None:
    assert otto.post(f"/tickets/{errored}/edit", data={"moves": "7", "param.count": "4"}).status_code == 409
    assert otto.post(f"/tickets/{errored}/edit", data={"moves": "x"}).status_code == 422
    assert vera.post(f"/tickets/{errored}/edit", data={"moves": "0"}).status_code == 403
    assert 'id="edit"' not in vera.get(f"/tickets/{errored}").text
    assert otto.post("/tickets/999/edit", data={"moves": "0"}).status_code == 404
    with engine.begin() as connection:
        waiting = ticket(connection, "pending", params=PARAMS)
    assert 'id="edit"' not in otto.get(f"/tickets/{waiting}").text
    assert otto.post(f"/tickets/{waiting}/edit", data={"moves": "0"}).status_code == 409
    with engine.connect() as connection:
        verbs = connection.execute(select(TrailEntry.verb)).scalars().all()
    assert "edit" not in verbs
