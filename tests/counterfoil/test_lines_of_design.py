"""The lines that a developer writes, as the design's section 9 prints them, run after a preamble."""

import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.testing import Inline, assert_opened

PREAMBLE = """
from datetime import timedelta

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil import Counterfoil, Ticket, open_ticket, target
from counterfoil.testing import assert_opened

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(app)

class Counter:
    taken = 0

    @classmethod
    def take(cls, name):
        cls.taken += 1
        return cls.taken

def assign(customer):
    customer.number = Counter.take("customer")
    return f"number {customer.number}"

def greet(customer):
    greeted.append(customer.number)

greeted, fulfilled = [], []
"""

MODELS = """
# models.py of an application that was there before
from counterfoil import ViewModel, method, view_models

class Customer(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int | None]

    @method(precondition=lambda c: c.number is None, lane="customer-number", timeout_seconds=30)
    def assign_number(self) -> str:
        self.number = Counter.take("customer")
        return f"number {self.number}"                      # the receipt

    class ViewModels(view_models):                          # constants: a typo is an AttributeError and a mypy error
        TheCustomerNumberAssigner = ViewModel(assign, greet, lane="customer-number", queue="numbers")   # actions, top to bottom

# clients.py
@target("OrderClient.fulfill", max_attempts=8)
def fulfill(ticket, *, customer_token: str, order_number: int) -> None: fulfilled.append((customer_token, order_number))

# app.py
tickets = Counterfoil(app, db)                              # or Counterfoil(sessionmaker) without Flask
"""  # noqa: E501

ANYWHERE = """
# anywhere
db.session.add(customer)
db.session.add(Ticket(root=customer, view_model=Customer.ViewModels.TheCustomerNumberAssigner))
open_ticket(db.session, fulfill, customer_token=t, order_number=7355608, execute_earliest=timedelta(minutes=5))
db.session.commit()
"""  # noqa: E501

TESTS = """
# tests
def test_order(session, counterfoil_inline):                # works inside a rolled-back outer transaction
    place_order(session); assert_opened(session, root=order); counterfoil_inline.run_pending(); assert order.sent
"""  # noqa: E501


@pytest.fixture
def lines(engine: Engine) -> Iterator[dict[str, Any]]:
    """A module of the preamble and the model's lines, in an app context, with the host's tables made."""
    namespace: dict[str, Any] = {"__name__": "host", "DATABASE_URL": engine.url, "t": "a customer's token"}
    with registry.scoped():
        exec(PREAMBLE + MODELS, namespace)
        with namespace["app"].app_context():
            namespace["db"].create_all()
            yield namespace
            namespace["db"].session.remove()
            for each in namespace["db"].engines.values():
                each.dispose()


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(
            connection.execute(text("SELECT view_model, root_id, state FROM counterfoil_tickets ORDER BY id"))
        )


def test_the_lines_open_their_tickets_in_one_commit(lines: dict[str, Any], engine: Engine) -> None:
    lines["customer"] = lines["Customer"]()
    exec(ANYWHERE, lines)
    assigner, fulfill = rows(engine)
    assert (assigner.view_model, assigner.root_id) == ("TheCustomerNumberAssigner", "Customer!1")
    assert (fulfill.view_model, fulfill.root_id, fulfill.state) == ("OrderClient.fulfill", None, "pending")


def test_what_was_opened_runs_as_the_lines_say(lines: dict[str, Any]) -> None:
    session = lines["db"].session()
    customer = lines["customer"] = lines["Customer"]()
    exec(ANYWHERE, lines)
    (ran,) = run_pending(session)
    assert (ran.view_model, ran.verb) == ("TheCustomerNumberAssigner", "finish")
    assert (customer.number, lines["greeted"]) == (1, [1])
    assert lines["fulfilled"] == [], "due in five minutes"
    (ticket,) = assert_opened(session, root=customer)
    assert (ticket.queue, ticket.lane, ticket.receipt) == ("numbers", "customer-number", "number 1")
    lines["open_ticket"](session, lines["fulfill"], customer_token="t", order_number=1)
    run_pending(session)
    assert lines["fulfilled"] == [("t", 1)]
    (ticket, _) = assert_opened(session, view_model="OrderClient.fulfill")
    assert ticket.max_attempts == 8


def test_the_method_asks_its_precondition_first(lines: dict[str, Any]) -> None:
    session, customer_class = lines["db"].session(), lines["Customer"]
    new, numbered = customer_class(), customer_class(number=7)
    session.add_all([new, numbered])
    for customer in (new, numbered):
        session.add(lines["Ticket"](root=customer, view_model=customer_class.assign_number))
    assert [ran.verb for ran in run_pending(session)] == ["finish", "finish"]
    assert (new.number, numbered.number) == (1, 7)
    receipts = {ticket.root_id: ticket.receipt for ticket in assert_opened(session, count=2)}
    assert receipts == {
        f"Customer!{new.id}": "number 1",
        f"Customer!{numbered.id}": "precondition not met",
    }
    assert numbered.assign_number() == "number 2", "called by code it is the method it was before"


def test_a_hosts_test_reads_as_printed(lines: dict[str, Any], engine: Engine) -> None:
    session = lines["db"].session()
    order = lines["Customer"]()

    def place_order(session: Any) -> None:
        session.add(order)
        session.add(
            lines["Ticket"](root=order, view_model=lines["Customer"].ViewModels.TheCustomerNumberAssigner)
        )
        session.flush()

    lines["Customer"].sent = property(lambda self: self.number is not None)
    lines.update(place_order=place_order, order=order)
    exec(textwrap.dedent(TESTS), lines)
    lines["test_order"](session, Inline(session))
    session.rollback()
    assert rows(engine) == []
