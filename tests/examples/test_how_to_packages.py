"""The Python of the how-to pages about work packages, batches and the flood guard, run as it is printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil import catalogue
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.testing import assert_opened

PAGES = Path(__file__).parents[2] / "docs" / "how-to"

PREAMBLE = """
from datetime import timedelta

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from counterfoil import Counterfoil, ViewModel, target, view_models

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(model_class=type("Base", (DeclarativeBase,), {}))
closed, entries = [], []

class Customer(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)

    class ViewModels(view_models):
        WriteSearchEntry = ViewModel(lambda customer: entries.append(customer.id))

@target("Month.close")
def close_month(*, month: int) -> None:
    closed.append(month)
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def lines(engine: Engine) -> Iterator[dict[str, Any]]:
    """A module of the preamble, the first page's declarations and three invoices, in an app context."""
    module: dict[str, Any] = {"__name__": "host", "DATABASE_URL": engine.url}
    with registry.scoped():
        exec(PREAMBLE, module)
        for each in (blocks("work-packages.md")[0], *blocks("work-packages.md")[2:]):
            exec(each, module)
        exec("db.init_app(app)\ntickets = Counterfoil(app, db)", module)
        with module["app"].app_context():
            db = module["db"]
            db.create_all()
            with engine.begin() as connection:
                catalogue.write(connection, registry, "1")
            invoices, customer = [module["Invoice"]() for _ in range(3)], module["Customer"]()
            db.session.add_all([*invoices, customer])
            db.session.commit()
            module |= {"invoices": invoices, "customer": customer}
            yield module
            db.session.remove()
            for each in db.engines.values():
                each.dispose()


def test_one_ticket_prints_many_invoices(lines: dict[str, Any]) -> None:
    exec(blocks("work-packages.md")[1], lines)
    session = lines["db"].session()
    run_pending(session)
    (ticket,) = assert_opened(session, view_model="InvoicePrinter")
    assert (ticket.receipt, ticket.queue, ticket.priority) == ("3 printed", "printing", 5)
    assert [invoice.printed for invoice in lines["invoices"]] == [2, 2, 2]


def test_what_is_posted_is_collected_until_the_commit(lines: dict[str, Any]) -> None:
    session = lines["db"].session()
    for invoice in [*lines["invoices"], lines["invoices"][0]]:
        lines["post"](invoice)
    session.commit()
    run_pending(session)
    (ticket,) = assert_opened(session, count=1)
    assert ticket.receipt == "3 printed"


def test_the_mailing_continues_itself(lines: dict[str, Any]) -> None:
    session = lines["db"].session()
    lines["open_ticket"](session, lines["send_mailing"])
    assert [ran.verb for ran in run_pending(session)] == ["finish", "finish"]
    assert [invoice.printed for invoice in lines["invoices"]] == [1, 1, 1]


def test_the_month_is_closed_when_the_last_invoice_is_out(
    lines: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    opening, counting = blocks("batches.md")
    exec(opening, lines)
    exec(counting, lines)
    run_pending(lines["db"].session())
    exec(counting, lines)
    assert capsys.readouterr().out.splitlines() == ["0 of 3 ended, 0 need you", "3 of 3 ended, 0 need you"]
    assert lines["closed"] == [5]


def test_the_second_change_waits_with_the_first(lines: dict[str, Any]) -> None:
    (page,) = blocks("flood-guard.md")
    exec(page, lines)
    run_pending(lines["db"].session())
    assert lines["entries"] == [lines["customer"].id]
