"""The live stream: topics only, bounded, heard at once, over when the process stops."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, insert
from werkzeug.test import EnvironBuilder

from console import live
from console.queries.markers import markers
from console.stopping import STOP
from counterfoil.acts import Actor, act
from counterfoil.tables import Attempt, Log, Operation, Sample
from counterfoil.ticket import Ticket
from tests.console.browser import Browser
from tests.console.tickets.cast import known, ticket


@pytest.fixture(autouse=True)
def goes_on() -> Iterator[None]:
    yield
    STOP.clear()


def events(stream: Iterator[str], found: list[str], over: Callable[[], None]) -> threading.Thread:
    def listen() -> None:
        found.extend(stream)
        over()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    return thread


def until(found: list[str], word: str, times: int = 1, seconds: float = 30) -> float:
    started = time.monotonic()
    while sum(word in event for event in found) < times:
        assert time.monotonic() - started < seconds, found
        time.sleep(0.01)
    return time.monotonic() - started


@pytest.fixture
def changes(console: Flask) -> live.Changes:
    found: live.Changes = console.extensions["counterfoil_changes"]
    return found


@pytest.mark.alone
def test_a_change_is_told_by_its_topic_within_a_second(changes: live.Changes, engine: Engine) -> None:
    found: list[str] = []
    stream = changes.stream(["tickets"])
    assert "ready" in next(stream)
    assert changes.enter("s")
    thread = events(stream, found, lambda: changes.leave("s"))
    until(found, "data: tickets")  # the first look tells that something may have changed
    with engine.begin() as connection:
        ticket(connection)
    assert until(found, "data: tickets", times=2) < 1
    with engine.begin() as connection:
        connection.execute(insert(Sample).values(counts={}, queues={}, rates={}))
    time.sleep(3 * live.POLL_SECONDS)
    assert not any("samples" in event for event in found)
    STOP.set()
    thread.join(2)
    assert not thread.is_alive()
    assert not changes.open


@pytest.mark.alone
def test_all_streams_are_over_within_a_second_of_the_stop(changes: live.Changes) -> None:
    found: list[str] = []
    threads = []
    for n in range(5):
        assert changes.enter(str(n))
        threads.append(events(changes.stream(["tickets"]), found, partial(changes.leave, str(n))))
    until(found, "ready", times=5)
    started = time.monotonic()
    STOP.set()
    for thread in threads:
        thread.join(5)
    assert time.monotonic() - started < 1
    assert not changes.open


def test_streams_are_bounded_for_all_and_for_one_session(
    otto: Browser, console: Flask, changes: live.Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_OF_ONE", 2)
    monkeypatch.setattr(changes, "most", 3)
    monkeypatch.setattr(changes, "_watch", lambda: None)
    assert [changes.enter("a") for _ in range(3)] == [True, True, False]
    assert [changes.enter(name) for name in "bc"] == [True, False]
    answer = otto.get("/live?topics=tickets")
    assert (answer.status_code, answer.headers["Retry-After"]) == (204, "5")
    changes.leave("b")
    answer = otto.get("/live?topics=tickets", buffered=False)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert b"ready" in next(iter(answer.response))
    answer.close()
    assert changes.open == {"a": 2}


def test_a_head_counts_as_no_open_stream(otto: Browser, changes: live.Changes) -> None:
    assert otto._open("HEAD", "/live?topics=tickets").status_code == 200
    assert not changes.open


def test_a_stream_whose_server_forgets_it_counts_no_longer(
    otto: Browser, console: Flask, changes: live.Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Werkzeug's server closes no answer whose browser resets the connection just after its last line."""
    monkeypatch.setattr(changes, "_watch", lambda: None)
    cookie = {"HTTP_COOKIE": f"counterfoil={otto.cookie()}", "REMOTE_ADDR": otto.address}
    asked = EnvironBuilder("/live?topics=tickets", environ_base=cookie).get_environ()
    answer = iter(console.wsgi_app(asked, lambda status, headers, exc_info=None: lambda data: None))
    assert b"ready" in next(answer)
    assert changes.open.total() == 1
    del answer
    gc.collect()
    assert not changes.open


@pytest.mark.parametrize("topics", ["", "nonsense", "tickets,nonsense"])
def test_topics_that_are_none_are_refused(otto: Browser, topics: str) -> None:
    assert otto.get(f"/live?topics={topics}").status_code == 422


def test_a_stranger_hears_nothing(stranger: Browser) -> None:
    answer = stranger.get("/live?topics=tickets", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


def test_the_marker_differs_after_everything_that_a_page_shows(engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
        id_ = ticket(connection, "errored")

    def opened(connection: Connection) -> None:
        ticket(connection)

    def finished(connection: Connection) -> None:
        connection.execute(
            Ticket.__table__.update().where(Ticket.id == id_).values(done=live_now(connection))  # type: ignore[attr-defined]
        )

    def acted(connection: Connection) -> None:
        act(connection, "retry", id_, Actor("ada", "cli"))

    def started(connection: Connection) -> None:
        ticket(connection, "running")

    def attempted(connection: Connection) -> None:
        connection.execute(insert(Attempt).values(ticket_id=id_, claim=1, outcome="back off"))

    def logged(connection: Connection) -> None:
        connection.execute(insert(Log).values(ticket_id=id_, claim=1, level=20, message="x"))

    for change in (opened, finished, acted, started, attempted, logged):
        with engine.begin() as connection:
            before = markers(connection)["tickets"]
        with engine.begin() as connection:
            change(connection)
        with engine.begin() as connection:
            assert markers(connection)["tickets"] != before, change.__name__
    with engine.begin() as connection:
        before = markers(connection)["operations"]
        connection.execute(insert(Operation).values(submit_token="t", verb="retry", asked_by="ada"))
        assert markers(connection)["operations"] != before


def live_now(connection: Connection) -> object:
    from console.queries.tickets import database_now

    return database_now(connection)
