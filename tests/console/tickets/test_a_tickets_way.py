"""The diagram of the states on a ticket's page: where it stands, and where it has been."""

import re

import pytest
from sqlalchemy import Engine

from counterfoil.acts import Actor, act
from counterfoil.ticket import STATES
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket

STEP = re.compile(r'<li class="way-(\w+)[^>]*?(aria-current="step")?>.*?</svg> (\w+)', re.S)


def steps(page: str) -> dict[str, str]:
    """State -> where it is on the way: now, been or never."""
    drawn = page.partition('data-part="way"')[2].partition("</ol>")[0]
    found = STEP.findall(drawn)
    assert [place for place, now, _ in found if now] == ["now"]
    return {word: place for place, _, word in found}


@pytest.mark.parametrize("state", STATES)
def test_every_state_stands_on_the_way_and_one_is_the_current(
    otto: Browser, engine: Engine, state: str
) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, state)
    told = steps(otto.get(f"/tickets/{id_}").text)
    assert set(told) == set(STATES)
    assert told[state] == "now"


def test_what_attempts_and_the_trail_tell_is_marked_as_been(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        id_ = ticket(connection, "errored")
        act(connection, "retry", id_, Actor("ada", "cli"))
        act(connection, "hold", id_, Actor("ada", "cli"))
    told = steps(otto.get(f"/tickets/{id_}").text)
    assert {state for state, place in told.items() if place == "been"} == {"pending", "running", "errored"}
    assert told["held"] == "now"
    assert told["done"] == "never"
