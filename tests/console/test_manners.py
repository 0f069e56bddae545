"""Manners: the bar of a phone, shortcuts that can be switched off, who may and a link for them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from counterfoil.tables import ErrorGroup, Operation
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket
from tests.console.walking import furnish

OPENER = re.compile(r"<(button|summary|a)\b([^>]*)>(?:(?!</\1>).)*…</\1>", re.DOTALL)
STATIC = Path(__file__).parents[2] / "static"


@pytest.fixture
def errored(engine: Engine) -> int:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        return ticket(connection, "errored")


def test_a_phones_bar_has_four_pages_and_the_others_behind_more(vera: Browser) -> None:
    nav = vera.get("/tickets").text.partition('<nav class="places"')[2].partition("</nav>")[0]
    bar, _, more = nav.partition("<details")
    assert len(re.findall('class="place-phone"', bar)) == 4
    everywhere = re.findall('class="place-(?:desk|more)" href="([^"]+)"', bar)
    assert everywhere
    assert re.findall('class="place-(?:desk|more)" href="([^"]+)"', more) == everywhere
    assert 'aria-current="page"' in bar
    assert "data-here" not in more
    assert "data-here" in vera.get("/workers").text.partition('<nav class="places"')[2]


def test_no_two_pages_have_one_key_and_the_help_tells_them_all(vera: Browser) -> None:
    shown = vera.get("/").text
    keys = re.findall('data-go="(.)"', shown)
    assert len(keys) == len(set(keys)) > 8
    help_ = shown.partition('id="keys"')[2]
    assert all(f"<kbd>g</kbd> <kbd>{key}</kbd>" in help_ for key in keys)


def test_shortcuts_are_switched_off_and_on_in_the_profile(vera: Browser) -> None:
    assert "data-keys" not in vera.get("/").text
    assert vera.post("/profile", data={"shortcuts": "off"}).status_code == 303
    off = vera.get("/").text
    assert 'data-keys="off"' in off
    assert 'id="keys"' not in off
    assert "Shortcuts are off" in vera.get("/profile").text
    vera.post("/profile", data={"shortcuts": "on"})
    assert "data-keys" not in vera.get("/").text


def test_who_may_not_act_reads_who_may_and_has_a_link_to_the_same_view_and_dialog(
    vera: Browser, otto: Browser, stranger: Browser, errored: int
) -> None:
    view = "/tickets?tab=errored&view=Customer.assign_number"
    assert f'href="{view.replace("&", "&amp;")}" data-copy' in vera.get(view).text
    assert "data-copy" not in otto.get(view).text
    here = f"/tickets/{errored}?act=fail"
    assert f'href="{here}" data-copy' in vera.get(f"/tickets/{errored}").text
    sent = stranger.get(here)
    assert sent.headers["Location"].endswith(f"?next=%2Ftickets%2F{errored}%3Fact%3Dfail")
    assert re.search('id="act-fail" open', otto.get(here).text)


def test_what_opens_a_form_first_is_disabled_for_who_may_not_act(
    vera: Browser, otto: Browser, engine: Engine
) -> None:
    furnish(engine)
    with engine.begin() as connection:
        leaves = datetime.now(UTC) + timedelta(hours=1)
        errored = ticket(connection, "errored", view_model="Customer.greet", delete_time=leaves)
        connection.execute(update(ErrorGroup).values(view_model="Customer.greet"))
        begun = {"state": "started", "changed": 1, "phase": "halted", "halted_why": "2 of 10 failed"}
        connection.execute(update(Operation).values(begun))
    offered = 0
    for path in (
        "/tickets?tab=errored", f"/tickets/{errored}", f"/tickets/{errored}?part=acts", "/errors/" + "0" * 32,
        "/queues", "/queues/default", "/view-models/Customer.greet", "/schedules", "/operations/1",
        "/expiring",
    ):  # fmt: skip
        shown = vera.get(path).text
        told = OPENER.findall(shown)
        assert told, path
        assert all(tag == "button" and 'disabled data-tip="An operator may"' in rest for tag, rest in told), (
            path
        )
        offered += sum(tag != "button" for tag, _ in OPENER.findall(otto.get(path).text))
    assert offered > 15


def test_the_environment_stands_in_every_confirmation(otto: Browser, errored: int) -> None:
    shown = otto.get(f"/tickets/{errored}").text
    assert "development" in shown.partition("</title>")[0]
    confirmed = re.findall(r'<button class="button button-(?:primary|danger)"[^>]*>([^<]*)', shown)
    assert confirmed
    assert all("development" in words for words in confirmed)


def test_own_javascript_is_small() -> None:
    assert sum(file.stat().st_size for file in STATIC.glob("*.js")) < 15_000
