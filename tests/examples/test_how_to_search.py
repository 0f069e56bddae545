"""The how-to page about searching: its Python runs as printed, its examples are searches that can be read."""

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from console.queries.roots import root as root_told
from console.queries.tickets import database_now, page
from counterfoil import catalogue
from counterfoil.filters import TicketFilter
from counterfoil.opening import open_ticket
from counterfoil.registry import registry
from counterfoil.search.fields import FIELDS
from counterfoil.search.grammar import parse
from counterfoil.search.tree import terms
from counterfoil.ticket import Ticket

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "search.md").read_text()

PREAMBLE = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from counterfoil import method, root, target

class Base(DeclarativeBase):
    pass
"""


def test_the_lines_of_the_page_find_what_the_page_says(engine: Engine) -> None:
    module: dict[str, Any] = {"__name__": "host"}
    with registry.scoped():
        exec(PREAMBLE, module)
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
            exec(block, module)
        module["Base"].metadata.create_all(engine)
        with engine.begin() as connection:
            catalogue.write(connection, registry)
        with Session(engine) as session:
            order = module["Order"](id=8123, number="A-8123", customer="ACME")
            session.add(order)
            session.add(Ticket(root=order, view_model="Order.ship"))
            open_ticket(session, module["fulfill"], order_id=42, note="a secret")
            session.commit()
        with engine.connect() as connection:
            for text, found in (
                ("order A-8123", ["Order.ship"]),
                ("8123", ["Order.ship"]),
                ("root:Order", ["Order.ship"]),
                ("param.order_id:42", ["OrderClient.fulfill"]),
                ('param.note:"a secret"', []),
            ):
                rows = page(connection, TicketFilter(q=text), None, database_now(connection)).rows
                assert [row.view_model for row in rows] == found, text
            told = root_told(connection, "Order!8123")
    assert (told.label, told.link) == ("ACME, order A-8123", "https://shop.example/orders/8123")


def test_every_example_of_the_page_can_be_read_and_every_field_has_one() -> None:
    cells = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = {
        term.field for cell in cells for one in re.findall(r"`([^`]+)`", cell) for term in terms(parse(one))
    }
    assert named == {"", "param", *FIELDS}
