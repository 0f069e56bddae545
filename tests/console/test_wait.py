"""The waiting page on the console: public, beside everything that is not (O14)."""

import pytest
from sqlalchemy import Engine, select, update

from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What it answers was seen on both dialects already."""
    return sqlite_url


def test_a_stranger_with_the_token_waits_and_gets_the_receipt_only(stranger: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, root_id="Customer!42")
        token = connection.execute(select(Ticket.token).where(Ticket.id == id_)).scalar_one()
    page = stranger.get(f"/wait/{token}")
    assert page.status_code == 200
    assert "It waits for its turn." in page.text
    assert f"/wait/{token}?until=" in page.text
    assert "Customer" not in page.text
    with engine.begin() as connection:
        connection.execute(
            update(Ticket.__table__).where(Ticket.id == id_).values(state="done", receipt="<b>7</b>")  # type: ignore[arg-type]
        )
    done = stranger.get(f"/wait/{token}.json").json
    assert done == {"status": "done", "finished": True, "text": "Done.", "receipt": "<b>7</b>"}
    assert "&lt;b&gt;7" in stranger.get(f"/wait/{token}").text
    assert '"status": "done"' in stranger.get(f"/wait/{token}/live").text
    assert stranger.get("/wait/0123456789abcdef0123").status_code == 404
    assert stranger.get(f"/tickets/{id_}").status_code != 200
