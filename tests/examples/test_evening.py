"""The owner's evening mail: a schedule's ticket, at its time or whenever somebody asks for it."""

from flask import Flask

from counterfoil import catalogue
from counterfoil.acts import Actor
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.schedule_acts import run_now
from examples.shop.db import db
from examples.shop.selling import add_customer, place_order
from tests.examples.conftest import rows


def test_run_now_writes_to_the_owner_how_many_orders_stand_where(shop: Flask) -> None:
    with shop.app_context():
        with db.engine.begin() as connection:
            catalogue.write(connection, registry)
        for _ in range(2):
            place_order(add_customer("Ada", "ada@lovelace.example", "GB"), "Difference engine")
        db.session.commit()
        with db.engine.begin() as connection:
            asked = run_now(connection, "evening-mail", Actor("olivia", "console"))
        [told] = [ran for ran in run_pending(db.session()) if ran.ticket_id == asked]
        db.session.commit()
        assert told.verb == "finish"
    assert rows(shop, "SELECT body FROM mails WHERE recipient = 'owner@shop.example'") == [("2 placed",)]
    assert rows(shop, "SELECT opened_by FROM counterfoil_tickets WHERE view_model LIKE 'Evening.%'") == [
        ("olivia",)
    ]
