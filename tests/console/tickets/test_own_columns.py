"""Own columns of a ticket's kind: shown without the application, masked, only from tables of tickets."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from counterfoil.tables import TicketKind
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket


@pytest.fixture
def id_(engine: Engine) -> int:
    """A ticket of a kind that this process has no class for, with the host's row beside it."""
    with engine.begin() as connection:
        made = ticket(connection, "errored", kind="parcel")
        connection.execute(
            text(
                "CREATE TABLE parcel_tickets (id BIGINT PRIMARY KEY REFERENCES counterfoil_tickets(id) "
                "ON DELETE CASCADE, shelf VARCHAR(50), door_token VARCHAR(50))"
            )
        )
        connection.execute(
            text("INSERT INTO parcel_tickets VALUES (:id, '<b>B-7</b>', 'open sesame')"), {"id": made}
        )
        _know(connection, "parcel", "parcel_tickets", "id", ["shelf", "door_token", "dropped"])
    return made


def _know(connection: Any, kind: str, table: str, key: str, columns: list[str]) -> None:
    connection.execute(
        insert(TicketKind).values(kind=kind, table_name=table, key_column=key, columns=columns)
    )


def test_they_are_shown_as_text_and_masked_by_their_names(otto: Browser, vera: Browser, id_: int) -> None:
    page = otto.get(f"/tickets/{id_}").text
    assert "&lt;b&gt;B-7" in page
    assert "open sesame" not in page
    assert json.loads(otto.get(f"/tickets/{id_}.json").text)["own"] == {
        "shelf": "<b>B-7</b>",
        "door_token": "********",
    }
    assert "B-7" not in vera.get(f"/tickets/{id_}").text
    assert otto.get("/tickets").status_code == 200
    assert otto.post(f"/tickets/{id_}/retry").status_code == 303


def test_a_table_that_does_not_refer_to_the_tickets_is_not_read(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        made = ticket(connection, kind="spy")
        gone = ticket(connection, kind="gone")
        unknown = ticket(connection, kind="unknown")
        _know(connection, "spy", "counterfoil_users", "id", ["name", "password_hash"])
        _know(connection, "gone", "dropped_tickets", "id", ["name"])
    for each in (made, gone, unknown):
        shown = otto.get(f"/tickets/{each}")
        assert shown.status_code == 200
        assert "argon2" not in shown.text
        assert "Own columns" not in shown.text
