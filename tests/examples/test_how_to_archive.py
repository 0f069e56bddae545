"""The Python of the how-to page about the archive, run as it is printed."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, text

from counterfoil.archive import Archive
from counterfoil.purge import purge
from counterfoil.ticket import Ticket
from tests.examples.printed import blocks


def test_an_archived_ticket_is_read_back(engine: Engine, tmp_path: Path) -> None:
    module: dict[str, Any] = {}
    exec(blocks("archive.md")[0], module)
    old = text("'2020-01-01 00:00:00.000000'")
    done = {"state": "done", "turn": False, "done": old, "delete_time": old}
    folder = tmp_path / "archive"
    with engine.begin() as connection:
        made = insert(Ticket.__table__).values(view_model="Work", root_id="Customer!42", **done)
        ticket = connection.execute(made.returning(Ticket.id)).scalar_one()
        assert purge(connection, archive=Archive(folder, "host-1")) == 1
    with next(folder.iterdir()).open("a") as torn:
        torn.write('{"id": ')
    (story,) = module["stories"](str(folder)).values()
    assert (story["id"], story["root_id"], story["attempts"]) == (ticket, "Customer!42", [])
