"""The quickstart's Python, run as it is printed, after a preamble of what the reader has already."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.testing import Inline, assert_opened

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text()

PREAMBLE = """
from datetime import timedelta

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(model_class=type("Base", (DeclarativeBase,), {}))

class Mail(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    to: Mapped[str]
    text: Mapped[str]

class OrderClient:
    def fulfill(self, key, order_number):
        return f"{order_number}-{len(key)}"

def next_number():
    return (db.session.scalar(select(func.max(Customer.number))) or 0) + 1

def add_customer(name):
    customer = Customer(name=name, email="a@b.example")
    db.session.add(customer)
    db.session.add(Ticket(root=customer, view_model=Customer.ViewModels.TheCustomerNumberAssigner))
    db.session.flush()
    return customer
"""


def block(beginning: str) -> str:
    """The page's Python block that begins with these words."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if each.startswith(beginning)]
    return str(found)


@pytest.fixture
def lines(engine: Engine) -> Iterator[dict[str, Any]]:
    """A module made of the preamble and the page's declarations, in an app context."""
    module: dict[str, Any] = {"__name__": "host", "DATABASE_URL": engine.url}
    with registry.scoped():
        exec(PREAMBLE + block("from counterfoil import RunningTicket"), module)
        exec(block("from counterfoil import Counterfoil"), module)
        with module["app"].app_context():
            module["db"].create_all()
            yield module
            module["db"].session.remove()
            for each in module["db"].engines.values():
                each.dispose()


def test_its_lines_open_two_tickets_which_run(lines: dict[str, Any]) -> None:
    session = lines["db"].session()
    customer = lines["customer"] = lines["Customer"](name="Ada", email="ada@lovelace.example")
    exec(block("from counterfoil import Ticket, open_ticket"), lines)
    _, later = assert_opened(session, count=2)
    assert (later.view_model, later.params) == ("OrderClient.fulfill", {"order_number": 7355608})
    run_pending(session)
    (first, _) = assert_opened(session, count=2)
    assert (customer.number, first.receipt, first.root_label) == (1, "number 1", "Ada")
    (mail,) = session.scalars(lines["select"](lines["Mail"]))
    assert mail.text == "You are customer 1."


def test_its_target_gets_its_key_and_its_receipt(lines: dict[str, Any]) -> None:
    session = lines["db"].session()
    exec("from counterfoil import open_ticket", lines)
    lines["open_ticket"](session, lines["fulfill"], order_number=5)
    (ran,) = run_pending(session)
    (ticket,) = assert_opened(session)
    assert (ran.verb, ticket.receipt) == ("finish", "shipment 5-32")


def test_its_test_passes_as_printed(lines: dict[str, Any]) -> None:
    exec("from counterfoil import Ticket", lines)
    exec(block("import pytest").replace("@pytest.fixture\n", ""), lines)
    fixture = lines["session"](lines["app"])
    session = next(fixture)
    lines["test_a_new_customer_gets_a_number"](session, Inline(session))
    session.rollback()
    next(fixture, None)


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / link).exists(), link
