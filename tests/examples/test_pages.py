"""The shop's pages: each button is one commit, with its ticket or without both."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from flask import Flask
from flask.testing import FlaskClient

from examples.shop.app import create_app
from tests.examples.conftest import rows

TICKETS = "SELECT view_model, state, root_id, root_label, opened_by FROM counterfoil_tickets ORDER BY id"


@pytest.mark.parametrize("path", ["/", "/since", "/mails", "/status.json"])
def test_pages_of_an_empty_shop_are_there(browser: FlaskClient, path: str) -> None:
    assert browser.get(path).status_code == 200


def test_the_weather_page_says_that_the_service_is_gone(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SERVICE_URL", "http://127.0.0.1:9")
    assert "It does not run" in browser.get("/weather").text


def test_a_customer_is_committed_with_the_ticket_for_the_number(browser: FlaskClient, shop: Flask) -> None:
    at = browser.post("/customers", data={"name": "Ada Lovelace Ltd", "way": "view-model"}).location
    assert at == "/customers/1"
    assert "not yet" in browser.get(at).text
    browser.set_cookie("user", "Jonas")
    browser.post("/customers", data={"name": "Babbage & Sons", "way": "method"})
    browser.post("/customers", data={"name": "Curie Metals", "way": "sql"})
    assert rows(shop, TICKETS) == [
        ("TheCustomerNumberAssigner", "pending", "Customer!1", "Ada Lovelace Ltd", "Mia"),
        ("Customer.assign_number", "pending", "Customer!2", "Babbage & Sons", "Jonas"),
        ("Customer.assign_number", "pending", "Customer!3", None, None),
    ]


def test_a_declined_card_leaves_neither_order_nor_ticket(browser: FlaskClient, shop: Flask) -> None:
    browser.post("/customers", data={"name": "Ada Lovelace Ltd"})
    before = rows(shop, TICKETS)
    answer = browser.post("/orders/declined")
    assert answer.status_code == 402
    assert "then the bank said no" in answer.text
    assert rows(shop, "SELECT id FROM orders") == []
    assert rows(shop, TICKETS) == before


def test_a_reserved_order_is_held_and_paying_releases_it_once(browser: FlaskClient, shop: Flask) -> None:
    browser.post("/customers", data={"name": "Ada Lovelace Ltd"})
    at = browser.post("/orders", data={"pay": "later", "article": "Abacus"}).location
    assert "Pay now" in browser.get(at).text
    state = "SELECT state, expires_at IS NULL FROM counterfoil_tickets WHERE view_model LIKE 'OrderClient%'"
    assert rows(shop, state) == [("held", False)]
    assert browser.post(f"{at}/pay").status_code == 303
    assert rows(shop, state) == [("pending", True)]
    assert "Pay now" not in browser.get(at).text
    assert browser.post(f"{at}/pay").status_code == 409
    assert rows(shop, "SELECT status FROM orders") == [("placed",)]


def test_a_form_stores_a_and_d_at_once_and_its_page_polls_for_the_rest(
    browser: FlaskClient, shop: Flask
) -> None:
    at = browser.post("/forms", data={"name": "Grace", "language": "fr", "email": "g@x.example"}).location
    assert rows(shop, "SELECT name, language, credit_limit, card_number, ready FROM forms") == [
        ("Grace", "fr", None, None, False)
    ]
    assert f'data-refresh="{at}/fields"' in browser.get(at).text
    assert "data-ready" not in browser.get(f"{at}/fields").text


def test_an_offer_has_a_start_and_an_end(browser: FlaskClient, shop: Flask) -> None:
    browser.post("/offers", data={"hours": "6"})
    assert rows(
        shop,
        "SELECT execute_earliest > opened_at, expires_at > execute_earliest FROM counterfoil_tickets "
        "WHERE view_model = 'Offer.send'",
    ) == [(True, True)]


def test_no_other_site_may_press_a_button(browser: FlaskClient) -> None:
    assert browser.post("/poison", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post("/poison", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def start_the_shop(database_url: str) -> int:
    os.environ["DATABASE_URL"] = database_url
    return len(create_app().url_map._rules)


@pytest.mark.timeout(400)
def test_many_processes_may_make_the_tables_at_the_same_moment(database_url: str) -> None:
    # What they import is loaded once, before they part: so they come to the tables together.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(6, context) as pool:
        assert len(set(pool.map(start_the_shop, [database_url] * 12))) == 1


def test_a_forms_page_shows_how_the_rest_of_it_stands(browser: FlaskClient, shop: Flask) -> None:
    at = browser.post("/forms", data={"name": "Ada Lovelace"}).location
    ((token,),) = rows(shop, "SELECT token FROM counterfoil_tickets")
    assert f'<iframe src="/wait/{token}"' in browser.get(at).text
    waiting = browser.get(f"/wait/{token}")
    assert "It waits for its turn." in waiting.text
    assert "frame-ancestors 'self'" in waiting.headers["Content-Security-Policy"]


def test_a_customers_page_moves_the_customer_and_refuses_what_cannot_be(
    browser: FlaskClient, shop: Flask
) -> None:
    at = browser.post("/customers", data={"name": "Ada Lovelace Ltd"}).location
    browser.set_cookie("user", "Jonas")
    refused = browser.post(f"{at}/move", data={"street": "1 Pier", "country": "Isle of Man"})
    assert (refused.status_code, "nothing is shipped to the Isle of Man" in refused.text) == (422, True)
    assert len(rows(shop, TICKETS)) == 1
    assert browser.post(f"{at}/move", data={"street": "1 Rue Pascal", "country": "FR"}).location == at
    page = browser.get(at).text
    assert "1 Rue Pascal, FR" in page
    assert "not yet: a ticket opens it" in page
    assert [row[:1] + row[4:] for row in rows(shop, TICKETS)[1:]] == [
        ("TheCustomsClerk", "Jonas"),
        ("TheMoveConfirmer", "Jonas"),
        ("TheNeighbourFinder", "Jonas"),
    ]


def test_the_invoices_page_has_a_switch_for_the_printer(browser: FlaskClient) -> None:
    assert "Take it away" in browser.get("/invoices").text
    assert browser.post("/printer", data={"away": "yes", "from": "invoices"}).location == "/invoices"
    assert "Bring it back" in browser.get("/invoices").text
    assert browser.post("/printer", data={"away": "no"}).location == "/weather"
