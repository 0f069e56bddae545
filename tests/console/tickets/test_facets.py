"""The menus beside the search box: their values, what they narrow to, and how they come out of a search."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert

from console import facets
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.tables import Batch, ErrorGroup, RootClass
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket
from tests.console.tickets.test_the_list import shown

NOW = datetime.now(UTC)


def chosen(html: str, name: str) -> str | None:
    menu = re.search(rf'<select name="{name}".*?</select>', html, re.DOTALL)
    assert menu, name
    option = re.search(r'<option(?: value="([^"]*)")?[^>]*\sselected>([^<]*)', menu[0])
    return option and (option[1] or option[2])


def test_each_menu_offers_what_is_known_and_narrows_the_list(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(RootClass).values(name="Order"))
        (batch,) = connection.execute(insert(Batch).values(label="invoices")).inserted_primary_key or (0,)
        seen = {"first_seen_at": NOW, "last_seen_at": NOW}
        connection.execute(
            insert(ErrorGroup).values(fingerprint="f1", class_name="OSError", errored=1, **seen)
        )
        hit = ticket(
            connection,
            "errored",
            root_id="Order!7",
            batch_id=batch,
            fingerprint="f1",
            error_kind="precondition",
        )
        ticket(connection, "done", root_id="Customer!7")
    page = otto.get("/tickets").text
    for words in (">Order</option>", f"{batch} invoices</option>", "OSError</option>"):
        assert words in page
    for name, value in {
        "class": "Order", "batch": str(batch), "error": "f1", "outcome": "precondition",
    }.items():  # fmt: skip
        page = otto.get(f"/tickets?{name}={value}").text
        assert shown(page) == [hit], name
        assert chosen(page, name) == value
        assert re.search(r'<details class="more-filters" open', page)
    assert len(shown(otto.get("/tickets?age=1h").text)) == 2
    assert shown(otto.get("/tickets?outcome=first").text) == [hit + 1]
    assert shown(otto.get("/tickets?outcome=later").text) == []


def test_what_a_menu_says_stays_in_the_list_s_links_and_out_of_the_box(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        ticket(connection, "errored", root_id="Order!7", root_label="ACME")
    page = otto.get("/tickets?q=acme&class=Order&age=1d").text
    tab = re.search(r'href="([^"]*tab=done[^"]*)"', page)
    assert tab
    after = otto.get(tab[1].replace("&amp;", "&")).text
    assert 'value="acme"' in after
    assert (chosen(after, "class"), chosen(after, "age"), chosen(after, "outcome")) == ("Order", "1d", None)


@pytest.mark.parametrize("query", ["age=3h", "outcome=fine", "class=Order!7", "age=1h&age=1d"])
def test_a_menu_s_nonsense_is_refused_by_name(otto: Browser, query: str) -> None:
    page = otto.get(f"/tickets?{query}")
    assert page.status_code == 422
    assert query.partition("=")[0] in page.text


def test_folding_and_taking_apart_are_each_other_s_inverse() -> None:
    wanted = TicketFilter.parse([("q", "bank or post")])
    folded = facets.fold(wanted, [("class", "Order"), ("age", "1w"), ("outcome", "later")])
    assert folded.q == "(bank or post) root:Order age:<1w state:done attempts:>1"
    apart = facets.taken_apart(folded)
    assert apart.chosen == {"class": "Order", "age": "1w", "outcome": "later"}
    assert facets.fold(TicketFilter(q=apart.rest), apart.chosen.items()) == folded
    assert facets.fold(folded, [("age", "1w")]) == folded
    assert facets.taken_apart(TicketFilter()) == facets.Facets({}, "")
    with pytest.raises(FilterError, match="too long"):
        facets.fold(TicketFilter.parse([("q", "x" * 499)]), [("age", "1h")])
