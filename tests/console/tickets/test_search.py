"""The search box: what is typed is kept, what is wrong is marked, what is found is what a bulk act takes."""

import re
import secrets

import pytest
from sqlalchemy import Engine, func, insert, select, update

from console.queries import words
from counterfoil import operations
from counterfoil.tables import RootClass, TicketParam
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket
from tests.console.tickets.test_the_list import shown

HTMX = {"HX-Request": "true", "HX-Target": "section#list"}


def test_a_search_that_cannot_be_read_is_kept_and_marked(otto: Browser) -> None:
    page = otto.get("/tickets?tab=errored&queue=mail&q=bank+colour:red+%3Cb%3E")
    assert page.status_code == 422
    assert "<mark>colour:red</mark> &lt;b&gt;" in page.text
    assert "At character 6:" in page.text
    assert "there is no field &#39;colour&#39;" in page.text
    assert 'value="bank colour:red &lt;b&gt;"' in page.text
    assert re.search(r'type="hidden" name="queue" value="mail"', page.text)
    fragment = otto.get("/tickets?q=(a", headers=HTMX)
    assert (fragment.status_code, "<mark>(</mark>a" in fragment.text) == (422, True)
    assert "<html" not in fragment.text


def test_the_box_shows_the_search_and_every_link_keeps_it(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        hit = ticket(connection, "errored", attempts=3)
        ticket(connection, "errored", attempts=1)
    page = otto.get("/tickets?q=state:errored+and+attempts:%3E2")
    assert shown(page.text) == [hit]
    assert 'value="state:errored attempts:&gt;2"' in page.text
    assert "q=state%3Aerrored+attempts%3A%3E2" in page.text


def test_the_address_of_a_search_has_the_fields_that_say_something(otto: Browser, engine: Engine) -> None:
    sent = "/tickets?tab=errored&q=bank+down&queue=&view=+&error=&class=Order&age="
    said = "/tickets?tab=errored&q=bank+down&class=Order"
    led = otto.get(sent)
    assert (led.status_code, led.headers["Location"]) == (303, said)
    assert otto.get(said).status_code == 200
    asked = otto.get(sent, headers=HTMX)
    assert (asked.status_code, asked.headers["HX-Push-Url"]) == (200, said)
    assert 'name="next" value="' + said.replace("&", "&amp;") in asked.text
    assert "HX-Push-Url" not in otto.get(said, headers=HTMX).headers
    assert otto.get("/tickets?q=&queue=").headers["Location"] == "/tickets"
    assert otto.get("/trail?actor=&verb=pause&since=").headers["Location"] == "/trail?verb=pause"


def test_a_bulk_retry_of_a_search_touches_what_it_matches_and_nothing_else(
    otto: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        hits = {ticket(connection, "errored", error=f"BankError: {n} refused", attempts=5) for n in range(3)}
        for error, attempts in (("BankError: once", 1), ("OSError: no", 5), (None, 5)):
            ticket(connection, "errored", error=error, attempts=attempts)
        ticket(connection, "failed", error="BankError: given up", attempts=5)
    query = otto.get("/tickets?q=state:errored+bankerror+attempts:%3E2").text
    written = re.search(r'name="query" value="([^"]+)"', query)
    assert written
    fields = {"verb": "retry", "scope": "all", "query": written[1], "submit_token": secrets.token_urlsafe(24)}
    there = otto.post("/operations", data=fields).headers["Location"]
    work(engine)
    assert otto.post(f"{there}/start", data={"reason": "up", "expected": "3"}).status_code == 303
    work(engine)
    with engine.connect() as connection:
        pending = select(Ticket.id).where(Ticket.state == "pending")
        assert set(connection.execute(pending).scalars()) == hits
        still = select(func.count()).where(Ticket.state.in_(("errored", "failed")), Ticket.moves == 0)
        assert connection.execute(still).scalar_one() == 4


def work(engine: Engine) -> None:
    more = True
    while more:
        with engine.begin() as connection:
            more = operations.work(connection)


HOSTILE = (
    "x' OR '1'='1",
    'label:"\'; DROP TABLE counterfoil_tickets; --"',
    "error:%' UNION SELECT password_hash FROM counterfoil_users--",
    "param.x:'||(SELECT token FROM counterfoil_tickets)||'",
    'root:"a\\\\"',
    "queue:\x00",
    "view::name",
    "label:%(x)s",
    "age:<999999999w",
    "batch:" + "9" * 400,
)


def test_nothing_that_is_typed_becomes_sql(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        ticket(connection, "done")
    for hostile in HOSTILE:
        answer = otto.get("/tickets", query_string={"q": hostile})
        assert answer.status_code in (200, 400, 422), hostile
        assert shown(answer.text) == [], hostile
    assert len(shown(otto.get("/tickets?q=age:<9999w").text)) == 1


def test_the_box_completes_fields_and_known_values(vera: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.greet", "Ship", queue="parcels", searchable=["order_id"])
        connection.execute(insert(RootClass).values(name="Order"))
        ticket(connection, "done", view_model="NeverRegistered", queue="nowhere")
    for typed, offered in (
        ("stat", ["state:"]),
        ("state:er", ["state:errored"]),
        ("bank (STATE:ER", ["bank (STATE:errored"]),
        ("queue:par", ["queue:parcels"]),
        ("queue:now", []),
        ("view:", ["view:Customer.greet", "view:Ship"]),
        ("root:", ["root:Order!"]),
        ("param.", ["param.order_id:"]),
        ("priority:", [f"priority:{name}" for name in ("urgent", "high", "medium", "low", "minor")]),
        ("colour:x", []),
        ("bank ", []),
    ):
        found = vera.get("/tickets/words", query_string={"q": typed}).text
        assert re.findall(r'<option value="([^"]+)"', found) == offered, typed
    page = vera.get("/tickets").text
    assert "What can be searched" in page
    assert 'list="search-words"' in page


def test_a_param_that_nothing_declares_searchable_is_told_at_its_place(
    otto: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "searchable, nor any other param<" in otto.get("/tickets?q=param.nope:1").text
    with engine.begin() as connection:
        known(connection, "Ship", searchable=["order_id"])
        known(connection, "Print", searchable=["size"])
        known(connection, "Other")
        connection.execute(insert(TicketParam).values(ticket_id=ticket(connection), name="was_so", value="7"))
    page = otto.get("/tickets?q=bank+(not+param.nope:1)")
    assert page.status_code == 422
    assert "bank (not <mark>param.nope:1</mark>)" in page.text
    assert "no view model declares &#39;nope&#39; searchable" in page.text
    assert "there are param.order_id, param.size<" in page.text
    for declared in ("param.order_id:1", "param.size:1 or param.order_id:2", "param.was_so:7", "nope"):
        assert otto.get("/tickets", query_string={"q": declared}).status_code == 200, declared
    monkeypatch.setattr(words, "_READ", 2)  # a house of more view models than are read
    page = otto.get("/tickets?q=param.nope:1")
    assert page.status_code == 200
    assert "no view model declares &#39;nope&#39; searchable" in page.text.partition("No ticket matches")[2]


def test_a_searchable_param_is_found_whoever_opens_the_ticket(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Ship", searchable=["order_id", "size", "rush"])
        known(connection, "Other")
        params = {"order_id": 42, "size": {"$": "decimal", "v": "1.50"}, "rush": True, "note": "secret"}
        hit = ticket(connection, view_model="Ship", params=params)
        ticket(connection, view_model="Ship", params={"order_id": 43})
        ticket(connection, view_model="Other", params=params)
        plain_sql = "INSERT INTO counterfoil_tickets (view_model, params) VALUES ('Ship', '{}')"
        connection.exec_driver_sql(plain_sql.format('{"order_id": "A 1"}'))
        plain = connection.execute(select(func.max(Ticket.id))).scalar_one()
    for query, ids in (
        ("param.order_id:42", [hit]),
        ("param.size:1.50", [hit]),
        ("param.rush:true", [hit]),
        ('param.order_id:"A 1"', [plain]),
        ("param.note:secret", []),
        ("param.order_id:42 or param.order_id:43 state:pending", [hit + 1, hit]),
    ):
        assert shown(otto.get("/tickets", query_string={"q": query}).text) == ids, query
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == hit).values(params={"order_id": 77}))
    assert shown(otto.get("/tickets?q=param.order_id:42").text) == []
    assert shown(otto.get("/tickets?q=param.order_id:77").text) == [hit]
