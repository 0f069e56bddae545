"""The pages of batches, and a ticket's elements."""

import json
from typing import Any

from sqlalchemy import Connection, Engine, insert

from counterfoil.tables import Batch, Element
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket


def batch(connection: Connection, label: str, **fields: Any) -> int:
    made = insert(Batch).values(label=label, **fields).returning(Batch.id)
    return int(connection.execute(made).scalar_one())


def test_a_batch_tells_how_far_it_is_and_leads_to_its_tickets(vera: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        year = batch(connection, "The year 2026")
        may = batch(
            connection, "May <b>", expected=5, parent_id=year, opened_by="ada", follow_up="Month.close"
        )
        mine = [ticket(connection, state, batch_id=may) for state in ("done", "done", "errored", "pending")]
        other = ticket(connection, "done")
    page = vera.get("/batches").text
    assert "May &lt;b&gt;" in page
    assert '<progress value="2" max="5"' in page
    one = vera.get(f"/batches/{may}").text
    assert f'href="/tickets?batch={may}&amp;tab=errored">1</a>' in one
    assert f'href="/batches/{year}"' in one
    assert "Month.close" in one
    assert "May &lt;b&gt;" in vera.get(f"/batches/{year}").text, "as a part of it"
    found = vera.get(f"/tickets?batch={may}").text
    assert all(f'href="/tickets/{id_}"' in found for id_ in mine)
    assert f'href="/tickets/{other}"' not in found
    errored = vera.get(f"/tickets?batch={may}&tab=errored").text
    assert [f'href="/tickets/{id_}"' in errored for id_ in mine] == [False, False, True, False]
    assert f'href="/batches/{may}"' in vera.get(f"/tickets/{mine[0]}").text
    assert vera.get("/batches/4711").status_code == 404


def test_older_batches_are_a_page_further(vera: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [batch(connection, f"batch-{n:02d}.") for n in range(30)]
    first = vera.get("/batches").text
    assert ("batch-29." in first, "batch-05." in first, "batch-04." in first) == (True, True, False)
    second = vera.get(f"/batches?before={ids[5]}").text
    assert ("batch-04." in second, "batch-05." in second) == (True, False)
    assert vera.get("/batches?before=nonsense").status_code == 200


def test_a_batch_that_is_no_number_is_refused_in_the_filter(vera: Browser) -> None:
    for wrong in ("x", str(2**63)):
        answer = vera.get(f"/tickets?batch={wrong}")
        assert answer.status_code == 422
        assert "a batch is named by its number" in answer.text


def test_a_tickets_elements_are_shown_in_order_up_to_200(vera: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, "pending")
        rows = [{"ticket_id": id_, "position": n, "element_id": f"Invoice!{n}"} for n in range(1, 252)]
        connection.execute(insert(Element), rows)
    page = vera.get(f"/tickets/{id_}").text
    assert "251 elements" in page
    assert page.index(">Invoice!1<") < page.index(">Invoice!200<")
    assert ">Invoice!201<" not in page
    assert len(json.loads(vera.get(f"/tickets/{id_}.json").text)["elements"]) == 200
