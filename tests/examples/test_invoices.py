"""The month's invoices: a batch of work packages, printed, postponed, and a mail when the last one is out."""

from flask import Flask
from flask.testing import FlaskClient

from counterfoil import catalogue
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from examples.shop.db import db
from examples.shop.invoices import invoice_run
from examples.shop.switches import PRINTER_AWAY, turn
from tests.examples.conftest import rows

COUNT = "SELECT state, priority, count(*) FROM counterfoil_tickets GROUP BY state, priority ORDER BY priority"


def test_a_button_opens_500_packages_in_one_commit(browser: FlaskClient, shop: Flask) -> None:
    with shop.app_context(), db.engine.begin() as connection:
        catalogue.write(connection, registry)
    assert browser.post("/invoices").status_code == 303
    assert rows(shop, COUNT) == [("pending", 3, 20), ("pending", 5, 480)]
    assert rows(shop, "SELECT count(*), min(position), max(position) FROM counterfoil_elements") == [
        (1000, 1, 2)
    ]
    page = browser.get("/invoices").text
    assert "1000 invoices" in page
    assert "0 of 500" in page
    browser.post("/invoices", data={"packages": "40"})
    assert "0 of 40" in browser.get("/invoices").text


def test_packages_wait_for_the_printer_and_the_bookkeeper_is_told_once(shop: Flask) -> None:
    with shop.app_context():
        run = invoice_run(25)
        turn(PRINTER_AWAY, True)
        assert {ran.verb for ran in run_pending(db.session())} == {"postpone"}
        turn(PRINTER_AWAY, False)
        db.session.execute(db.text("UPDATE counterfoil_tickets SET retry_at = opened_at"))
        ran = run_pending(db.session())
        assert [each.verb for each in ran] == ["finish"] * 26
        assert ran[-1].view_model == "Month.tell"
        first = db.session.execute(
            db.text("SELECT priority FROM counterfoil_tickets WHERE id = :id"), {"id": ran[0].ticket_id}
        )
        assert first.scalar_one() == 3, "the express customer's package goes first"
        printed = db.session.execute(
            db.text("SELECT min(printed), max(printed), count(*) FROM invoices")
        ).one()
        assert tuple(printed) == (1, 1, 50)
        db.session.refresh(run)
        assert run.closed_at is not None
        assert db.session.execute(db.text("SELECT count(*) FROM mails")).scalar_one() == 1
        db.session.rollback()
