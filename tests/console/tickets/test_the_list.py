"""The list of tickets as a person meets it, without JavaScript and with htmx."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from counterfoil.tables import Queue, Sample
from counterfoil.ticket import STATES
from tests.console.browser import Browser
from tests.console.tickets.cast import known, many, ticket

HTMX = {"HX-Request": "true", "HX-Target": "section#list"}


def made(engine: Engine, *states: str, **fields: Any) -> list[int]:
    with engine.begin() as connection:
        return [ticket(connection, state, **fields) for state in states]


def shown(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr id="ticket-(\d+)"', html)]


def test_every_tab_shows_its_tickets_with_its_number(otto: Browser, engine: Engine) -> None:
    ids = dict(zip(STATES, made(engine, *STATES), strict=True))
    for state, id_ in ids.items():
        page = otto.get(f"/tickets?tab={state}")
        assert page.status_code == 200
        assert shown(page.text) == [id_]
        assert re.search(rf'id="count-{state}"[^>]*>1<', page.text)
    assert set(shown(otto.get("/tickets").text)) == set(ids.values())


def test_a_tabs_number_is_that_of_its_list_though_the_last_count_lags(otto: Browser, engine: Engine) -> None:
    made(engine, "errored")
    with engine.begin() as connection:
        connection.execute(insert(Sample).values(counts={"errored": 7, "held": 3}, queues={}, rates={}))
    page = otto.get("/tickets?tab=errored").text
    assert re.search(r'id="count-errored"[^>]*>1<', page)
    assert re.search(r'id="count-held"[^>]*>3<', page)
    assert '<span id="matching">1 ticket</span>' in page
    fresh = otto.get("/tickets/rows?tab=errored&ids=1").text
    assert re.search(r'data-count="count-errored"[^>]*>1<', fresh)
    assert '<span data-count="matching">1 ticket</span>' in fresh
    assert 'data-count="matching"' not in otto.get("/tickets/rows?tab=errored&q=oserror&ids=1").text


def test_the_numbers_are_those_of_the_latest_snapshot(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        for errored in (5, 70_000):
            counts = {"errored": errored, "alarm": errored - 1}
            connection.execute(insert(Sample).values(counts=counts, queues={}, rates={}))
    page = otto.get("/tickets?tab=held").text
    assert re.search(r'id="count-errored"[^>]*>70,000<', page)
    assert "<title>(69,999) " in page
    assert re.search(r'id="errored-badge" >69,999<', page)


def test_a_page_that_no_worker_changes_any_more_is_at_rest(otto: Browser, engine: Engine) -> None:
    old = made(engine, "done", "errored")
    with engine.connect() as connection:
        many(connection, 49)
    shown_ids = ".".join(map(str, old))
    assert "data-rest" not in otto.get(f"/tickets/rows?ids={shown_ids}").text  # 49 more: each next one counts
    (held,) = made(engine, "held")
    assert 'data-rest="1"' in otto.get(f"/tickets/rows?ids={shown_ids}").text
    assert "data-rest" not in otto.get(f"/tickets/rows?ids={shown_ids}.{held}").text


def test_a_searchs_number_is_asked_for_after_its_list(otto: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        many(connection, 60)
    search = "/tickets?q=attempts%3A%3C2"
    page = otto.get(search).text
    assert len(shown(page)) == 50
    asked = re.search(r'<span id="matching" hx-get="([^"]+)" hx-trigger="load"', page)
    assert asked
    number = otto.get(asked[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert '<span id="matching">60 tickets</span>' in number
    assert '<span id="matching-all" hx-swap-oob="true">(60)</span>' in number
    link = re.search(r'href="([^"]+number=yes)"', page)
    assert link, "without JavaScript a link asks for it"
    counted = otto.get(link[1].replace("&amp;", "&")).text
    assert '<span id="matching">60 tickets</span>' in counted
    assert '<span id="matching-all">(60)</span>' in counted
    following = re.search(r'rel="next" href="([^"]+)"', counted)
    assert following
    assert "number=yes" not in following[1]


def test_a_number_that_is_not_at_its_end_asks_for_the_rest(
    otto: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 40)
    with engine.connect() as connection:
        many(connection, 60)
    first = otto.get("/tickets/number?q=attempts%3A%3C2").text
    assert "40+ tickets" in first
    rest = re.search(r'hx-get="([^"]+)" hx-trigger="load" hx-target="this" hx-swap="outerHTML">40', first)
    assert rest
    last = otto.get(rest[1].replace("&amp;", "&")).text
    assert '<span id="matching">60 tickets</span>' in last
    nothing_yet = otto.get("/tickets?q=attempts%3A%3E9").text
    assert "Search further" in nothing_yet
    assert '<span id="matching" hx-get="/tickets/number?q=attempts%3A%3E9" hx-trigger="load"' in nothing_yet
    nonsense = otto.get("/tickets/number?q=attempts%3A%3C2&counted=backwards")
    assert nonsense.status_code == 422
    assert "backwards" in nonsense.text


def test_the_number_of_a_search_that_makes_no_sense_is_refused_by_name(otto: Browser) -> None:
    answer = otto.get("/tickets/number?q=state%3Aasleep")
    assert answer.status_code == 422
    assert "asleep" in answer.text


@pytest.mark.parametrize(
    "tab",
    ["all", "pending", "delayed", "retrying", "running", "done", "errored", "expired", "failed", "held"],
)
def test_an_empty_tab_teaches(otto: Browser, tab: str) -> None:
    page = otto.get(f"/tickets?tab={tab}")
    assert page.status_code == 200
    assert 'class="empty"' in page.text


def test_the_view_is_in_the_address_and_pages_keep_it(otto: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        many(connection, 1000)
    page = otto.get("/tickets?tab=done&q=acme")
    assert len(shown(page.text)) == 50
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following
    second = otto.get(following[1].replace("&amp;", "&"))
    assert "tab=done&amp;q=acme" in second.text
    assert not set(shown(page.text)) & set(shown(second.text))
    assert 'value="acme"' in second.text


def test_search_and_facets_narrow_the_list_and_say_so(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Ship", queue="parcels")
        hit = ticket(connection, "errored", view_model="Ship", queue="parcels", root_label="ACME")
        ticket(connection, "errored")
    for query in ("view=Ship", "queue=parcels", "q=acme", "tab=errored&q=acme&view=Ship&queue=parcels"):
        page = otto.get(f"/tickets?{query}")
        assert shown(page.text) == [hit]
        assert "1 ticket" in page.text
    assert "No ticket matches" in otto.get("/tickets?q=nothing+like+it").text


def test_the_tabs_numbers_of_everything_are_not_shown_beside_a_narrowed_list(
    otto: Browser, engine: Engine
) -> None:
    made(engine, "errored", "held")
    assert 'id="count-held"' in otto.get("/tickets?tab=held").text
    for query in ("q=acme", "queue=default", "tab=held&view=Customer.assign_number"):
        tabs = otto.get(f"/tickets?{query}").text.partition('class="tabs"')[2].partition("</nav>")[0]
        assert re.findall(r'id="count-(\w+)" ( ?\w+)', tabs) == [("errored", "hidden")], query
        assert "held</a>" in tabs


def test_a_pause_that_tickets_of_the_page_wait_for_is_told_above_them(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        for name in ("Ship", "Print", "Other"):
            known(connection, name, paused=name == "Ship", paused_by="ada", paused_reason="stuck")
        connection.execute(
            update(Queue).where(Queue.name == "of Print").values(paused=True, paused_by="otto")
        )
        put_aside = ticket(connection, view_model="Ship", turn=False, aside="paused")
        ticket(connection, view_model="Print", queue="of Print")
        ticket(connection, "done", view_model="Ship", queue="of Print")
        ticket(connection, view_model="Other")
    ship, print_ = "View model Ship</a> is paused by ada", "Queue of Print</a> is paused by otto"
    for query, told in (
        ("", {ship, print_}), ("tab=pending&view=Ship", {ship}), ("view=Other", set()),
        ("queue=of+Print&view=Other", {print_}), ("tab=errored&view=Ship", {ship}), ("tab=done", set()),
    ):  # fmt: skip
        page = re.sub(r"\s+", " ", otto.get(f"/tickets?{query}").text)
        assert {words for words in (ship, print_) if words in page} == told, query
    for path in ("/tickets?tab=pending", f"/tickets/rows?ids={put_aside}"):
        row = otto.get(path).text.partition(f'id="ticket-{put_aside}"')[2].partition("</tr>")[0]
        assert "view model paused</span>" in row
        assert otto.get(path).text.count("view model paused</span>") == 1


def test_htmx_gets_the_list_alone(otto: Browser, engine: Engine) -> None:
    made(engine, "held")
    fragment = otto.get("/tickets", headers=HTMX).text
    assert fragment.lstrip().startswith("<section")
    assert "<html" not in fragment


@pytest.mark.parametrize("query", ["tab=nonsense", "sort=id", "cursor=zzz", "q=" + "x" * 600, "window=9d"])
def test_nonsense_in_the_address_is_told_and_leads_back(otto: Browser, query: str) -> None:
    page = otto.get(f"/tickets?{query}")
    assert page.status_code == 422
    assert query.partition("=")[0] in page.text
    assert 'href="/tickets"' in page.text


def test_a_row_has_the_acts_of_its_state_and_a_viewer_sees_who_may(
    otto: Browser, vera: Browser, engine: Engine
) -> None:
    (id_,) = made(engine, "errored")
    assert f'formaction="/tickets/{id_}/retry"' in otto.get("/tickets").text
    assert re.search(r"<button[^>]*/retry[^>]*disabled[^>]*An operator may", vera.get("/tickets").text)
    (done,) = made(engine, "done")
    assert f'formaction="/tickets/{done}/retry"' not in otto.get("/tickets").text


def test_the_live_fragment_holds_the_rows_shown_what_left_and_how_many_are_new(
    otto: Browser, engine: Engine
) -> None:
    stays, leaves = made(engine, "errored", "done")
    new = made(engine, "errored", "errored")
    answer = otto.get(f"/tickets/rows?tab=errored&ids={stays}.{leaves}.999")
    assert sorted(shown(answer.text)) == [stays, leaves]
    gone = re.search(rf'<tr id="ticket-{leaves}"[^>]*class="row-gone".*?</tr>', answer.text, re.DOTALL)
    assert gone
    assert "now done" in gone[0]
    assert f'data-new="{len(new)}"' in answer.text


def test_the_live_fragment_answers_304_while_nothing_has_changed(otto: Browser, engine: Engine) -> None:
    (id_,) = made(engine, "errored")
    address = f"/tickets/rows?tab=errored&ids={id_}"
    first = otto.get(address)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = otto.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
    made(engine, "errored")
    assert otto.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("ids", ["x", "1.", "1,2", "9" * 30, ".".join(["1"] * 300)])
def test_nonsense_ids_of_a_live_page_are_refused(otto: Browser, ids: str) -> None:
    assert otto.get(f"/tickets/rows?ids={ids}").status_code == 422
