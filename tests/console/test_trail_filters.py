"""The trail by who, verb, what and when; what was purged is told apart, and its trail is there."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from counterfoil.tables import TrailEntry
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket

NOON = datetime(2020, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def past(engine: Engine) -> int:
    """An entry an hour for ten hours: odd ones about a root, even ones about a queue."""
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        there = ticket(connection, "errored")
        for n in range(10):
            what = {"ticket_id": 10**6 + n, "root_id": "Order!7"} if n % 2 else {"subject": "queue mail"}
            entry = {"actor": f"person {n}", "via": "console", "verb": "retry" if n % 2 else "pause"}
            connection.execute(insert(TrailEntry).values(entry | what | {"at": NOON + timedelta(hours=n)}))
        about = {"actor": "ada", "via": "console", "verb": "note", "ticket_id": there, "at": NOON}
        connection.execute(insert(TrailEntry).values(about))
    return there


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("what=queue+mail", 5),
        ("what=Order!7", 5),
        ("what=1000003", 1),
        ("since=2020-11-20T17:00&until=2020-11-21T00:00", 5),
        ("until=2020-11-20T14:00", 3),
        ("since=2020-11-20T13:00&until=2020-11-20T15:00", 2),
        ("since=2020-11-20T13:00%2B01:00&until=2020-11-20T15:00%2B01:00", 3),
        ("since=2020-11-20T13:00&what=queue+mail&verb=pause", 4),
        ("until=2020-01-01T00:00", 0),
        ("since=2030-01-01T00:00", 0),
    ],
)
def test_it_is_filtered_by_what_and_when(vera: Browser, query: str, count: int) -> None:
    shown = vera.get(f"/trail?{query}").text
    assert shown.count('id="entry-') == count
    assert "Clear" in shown


def test_a_time_that_is_none_is_told(vera: Browser) -> None:
    answer = vera.get("/trail?since=yesterday")
    assert (answer.status_code, "is no time" in answer.text) == (422, True)


def test_the_times_stay_in_their_fields_and_in_the_links(vera: Browser) -> None:
    shown = vera.get("/trail?since=2020-11-20T13:00").text
    assert 'name="since" value="2020-11-20T13:00"' in shown


def test_what_was_purged_says_so_and_leads_to_what_is_left(vera: Browser, past: int) -> None:
    shown = vera.get("/trail").text
    assert shown.count(">purged<") == 5
    assert "purged" not in vera.get(f"/trail?ticket={past}").text.partition("<tbody>")[2]


def test_an_entry_says_what_was_done_in_the_timeline_s_words_and_leads_on_by_its_verb(
    vera: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        act = {"actor": "ada", "via": "console", "ticket_id": 7, "at": NOON}
        connection.execute(insert(TrailEntry).values(act | {"verb": "run-now"}))
    page = vera.get("/trail?verb=run-now").text
    assert ">made due at once</a>" in page
    assert 'href="/trail?verb=run-now"' in page
    assert 'translate="no">pause</a>' in vera.get("/trail?verb=pause").text
