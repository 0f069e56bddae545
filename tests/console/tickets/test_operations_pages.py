"""Bulk acts on the pages: select or all that match, preview, reason, start, watch, stop."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from counterfoil import operations
from counterfoil.tables import Attempt, Operation, Queue
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket


@pytest.fixture(autouse=True)
def registered(engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")


def made(engine: Engine, *states: str) -> list[int]:
    with engine.begin() as connection:
        return [ticket(connection, state) for state in states]


def work(engine: Engine) -> None:
    while True:
        with engine.begin() as connection:
            if not operations.work(connection):
                return


def form(**fields: Any) -> dict[str, Any]:
    return {"verb": "retry", "scope": "ids", "query": "", "submit_token": secrets.token_urlsafe(24)} | fields


def test_a_selection_goes_through_preview_reason_start_and_results(otto: Browser, engine: Engine) -> None:
    ids = made(engine, "errored", "errored", "done")
    answer = otto.post("/operations", data=form(ids=ids))
    assert answer.status_code == 303
    there = answer.headers["Location"]
    assert "The scheduler is counting" in otto.get(there).text
    work(engine)
    preview = otto.get(there).text
    assert "3 tickets" in preview
    assert "skipped, the act is not for them" in preview
    assert "2 tickets in development" in preview
    assert otto.post(f"{there}/start", data={"reason": "up again", "expected": "3"}).status_code == 303
    work(engine)
    done = otto.get(there).text
    assert "3 / 3" in done
    assert "up again" in done
    skipped = otto.get(f"{there}?result=skipped").text
    assert f"/tickets/{ids[2]}" in skipped
    assert f"/tickets/{ids[0]}" not in skipped
    with engine.connect() as connection:
        assert connection.execute(select(Ticket.state).where(Ticket.id == ids[0])).scalar_one() == "pending"


def test_the_preview_of_a_retry_tells_which_of_them_will_wait_for_a_pause(
    otto: Browser, engine: Engine
) -> None:
    with engine.begin() as connection:
        known(connection, "Ship", paused=True, paused_by="ada", paused_reason="prints nonsense")
        known(
            connection, "Over", queue="idle", paused=True, paused_until=datetime.now(UTC) - timedelta(hours=1)
        )
        connection.execute(update(Queue).where(Queue.name == "idle").values(paused=True, paused_by="otto"))
        ids = [ticket(connection, "errored", view_model="Ship", queue=queue) for queue in ("idle", "default")]
        ids += [
            ticket(connection, "errored", view_model="Over"),
            ticket(connection, "done", view_model="Ship"),
        ]
    there = otto.post("/operations", data=form(ids=ids)).headers["Location"]
    work(engine)
    preview = re.sub(r"\s+", " ", otto.get(there).text)
    told = r'(\d of them) will wait: <span><a href="([^"]+)">[^<]+</a> is paused by (\w+)'
    waits = re.findall(told, preview)
    assert waits == [("1 of them", "/queues/idle", "otto"), ("2 of them", "/view-models/Ship", "ada")]
    assert "prints nonsense" in preview
    expired = otto.post("/operations", data=form(verb="expire", ids=ids)).headers["Location"]
    work(engine)
    assert "will wait" not in otto.get(expired).text


def test_what_was_retried_and_failed_again_is_told_on_the_operation(otto: Browser, engine: Engine) -> None:
    ids = made(engine, "errored", "errored", "errored")
    there = otto.post("/operations", data=form(ids=ids)).headers["Location"]
    work(engine)
    otto.post(f"{there}/start", data={"reason": "up again", "expected": "3"})
    work(engine)
    with engine.begin() as connection:
        again = {"state": "errored", "done": Ticket.opened_at}
        connection.execute(update(Ticket).where(Ticket.id.in_(ids[:2])).values(again))
        connection.execute(delete(Ticket).where(Ticket.id == ids[2]))
    told = otto.get(there).text.partition('id="now-in"')[2].partition("</p>")[0]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", told))
    assert "What it changed is now: 2 errored" in words
    assert "1 purged" in words


def test_all_that_match_takes_the_filter_and_not_the_ids(otto: Browser, engine: Engine) -> None:
    ids = made(engine, "errored", "errored", "failed")
    answer = otto.post("/operations", data=form(scope="all", query="tab=errored", ids=ids[2:]))
    work(engine)
    assert "2 tickets" in otto.get(answer.headers["Location"]).text


def test_the_list_offers_the_form_with_its_filter_and_a_fresh_token(otto: Browser, engine: Engine) -> None:
    made(engine, "errored")
    pages = [otto.get("/tickets?tab=errored").text for _ in range(2)]
    assert 'name="query" value="tab=errored"' in pages[0]
    tokens = [re.search(r'name="submit_token" value="([^"]+)"', page)[1] for page in pages]  # type: ignore[index]
    assert tokens[0] != tokens[1]
    made(engine, "done")
    assert 'value="retry"' not in otto.get("/tickets?tab=done").text.partition('id="bulk"')[2]


def test_a_double_submit_is_one_operation(otto: Browser, engine: Engine) -> None:
    sent = form(ids=made(engine, "errored"))
    first, second = (otto.post("/operations", data=sent).headers["Location"] for _ in range(2))
    assert first == second
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(Operation)).scalar_one() == 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"verb": "expire", "scope": "all", "query": ""}, "choose a tab or a filter first"),
        ({"verb": "purge", "ids": ["1"]}, "there is no"),
        ({"ids": []}, "no ticket is selected"),
        ({"ids": ["x"]}, "has no number"),
        ({"scope": "all", "query": "sort=1"}, "no such field"),
        ({"ids": ["1"], "submit_token": ""}, "no submit token"),
    ],
)
def test_nonsense_is_told_with_a_way_back(otto: Browser, fields: dict[str, Any], says: str) -> None:
    answer = otto.post("/operations", data=form(**fields))
    assert answer.status_code == 422
    assert says in answer.text
    assert 'href="/tickets' in answer.text


def test_a_number_that_is_not_what_was_seen_does_not_start_it(otto: Browser, engine: Engine) -> None:
    there = otto.post("/operations", data=form(ids=made(engine, "errored"))).headers["Location"]
    work(engine)
    answer = otto.post(f"{there}/start", data={"expected": "7"})
    assert answer.status_code == 409
    assert "look at its preview again" in answer.text


def test_failing_many_without_a_reason_is_told(otto: Browser, engine: Engine) -> None:
    there = otto.post("/operations", data=form(verb="fail", ids=made(engine, "errored"))).headers["Location"]
    work(engine)
    answer = otto.post(f"{there}/start", data={"expected": "1"})
    assert answer.status_code == 422
    assert "needs a reason" in answer.text


def test_one_that_is_not_wanted_is_given_up(otto: Browser, engine: Engine) -> None:
    there = otto.post("/operations", data=form(ids=made(engine, "errored"))).headers["Location"]
    assert otto.post(f"{there}/stop").status_code == 303
    assert "stopped" in otto.get(there).text
    assert otto.post(f"{there}/stop").status_code == 409


def test_without_a_scheduler_the_page_says_that_it_waits(otto: Browser, engine: Engine) -> None:
    there = otto.post("/operations", data=form(ids=made(engine, "errored"))).headers["Location"]
    assert "No scheduler is alive" in otto.get(there).text


def test_the_list_of_operations_teaches_and_fills(otto: Browser, engine: Engine) -> None:
    assert "No operation yet" in otto.get("/operations").text
    there = otto.post("/operations", data=form(ids=made(engine, "errored"))).headers["Location"]
    assert f'href="{there}"' in otto.get("/operations").text


def test_a_viewer_asks_for_nothing_and_unknown_ones_are_not_found(vera: Browser, otto: Browser) -> None:
    assert vera.post("/operations", data=form(ids=["1"])).status_code == 403
    for path in ("/operations/999", "/operations/1?result=x", f"/operations/{2**63}"):
        assert otto.get(path).status_code == 404
    assert otto.post("/operations/999/start", data={"expected": "1"}).status_code == 404


def previewed(otto: Browser, engine: Engine, count: int, **fields: Any) -> tuple[str, list[int]]:
    """An operation that waits for its start; its address and its tickets."""
    ids = made(engine, *["errored"] * count)
    there = otto.post("/operations", data=form(ids=ids, **fields)).headers["Location"]
    work(engine)
    return there, ids


def test_a_canary_halts_with_its_reason_and_a_person_goes_on_anyway(otto: Browser, engine: Engine) -> None:
    there, ids = previewed(otto, engine, 12)
    preview = otto.get(there).text
    assert re.search(r'name="pace" value="all" checked', preview), "12 are few: all at once is chosen"
    otto.post(f"{there}/start", data={"expected": "12", "pace": "canary"})
    work(engine)
    assert "waits for the first ten" in otto.get(there).text
    with engine.begin() as connection:
        for id_ in ids[:2]:
            told = {"ticket_id": id_, "claim": 2, "outcome": "back off", "error": "OSError: <no answer>"}
            connection.execute(insert(Attempt).values(told))
    work(engine)
    halted = otto.get(there).text
    assert "Halted:" in halted
    assert "OSError: &lt;no answer&gt;" in halted
    assert otto.post(f"{there}/go-on", data={"pace": "canary"}).status_code == 422
    assert otto.post(f"{there}/go-on", data={"pace": "canary", "reason": "known"}).status_code == 303
    paced = otto.get(there).text
    assert "60 a minute" in paced
    otto.post(f"{there}/go-on", data={"pace": "all"})
    work(engine)
    assert "12 / 12" in otto.get(there).text
    assert otto.post(f"{there}/go-on", data={"pace": "all"}).status_code == 409


def test_above_five_hundred_the_canary_is_chosen_for_what_runs_and_not_offered_for_the_rest(
    otto: Browser, engine: Engine
) -> None:
    there, _ = previewed(otto, engine, 2)
    with engine.begin() as connection:
        connection.execute(update(Operation).values(matched=501))
    assert re.search(r'name="pace" value="canary" checked', otto.get(there).text)
    other, _ = previewed(otto, engine, 2, verb="expire")
    assert 'name="pace"' not in otto.get(other).text


def test_it_is_taken_back_from_the_toast_and_from_its_page_and_says_both_numbers(
    otto: Browser, engine: Engine
) -> None:
    there, ids = previewed(otto, engine, 3)
    otto.post(f"{there}/start", data={"expected": "3", "pace": "all"})
    toasted = otto.get(there).text
    assert f'action="{there}/undo"' in toasted.partition('id="toasts"')[2]
    work(engine)
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == ids[0]).values(moves=Ticket.moves + 1))
    assert f'action="{there}/undo"' in otto.get(there).text
    back = otto.post(f"{there}/undo", data={"reason": "too early"})
    assert back.status_code == 303
    work(engine)
    shown = otto.get(back.headers["Location"]).text
    assert "2 put back, 1 has moved since" in shown
    assert "too early" in shown
    assert "2 put back, 1 has moved since" in otto.get(there).text
    assert otto.post(f"{back.headers['Location']}/undo").status_code == 409
    assert otto.post("/operations/999/undo").status_code == 404
