"""Overview, queues, workers, trail and the probes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import Engine, event, insert, select, text
from sqlalchemy.exc import OperationalError

from console.database import db
from console.pages import health
from console.queries import trail as trail_query
from console.redis_reach import redis_answers
from counterfoil.acts import Actor
from counterfoil.clock import stamp
from counterfoil.pauses import pause_queue
from counterfoil.tables import Leader, Process, Queue, Sample, TrailEntry
from tests.servers import RedisServer
from worker.scheduler.duty import Book

from .browser import Browser
from .tickets.cast import ticket

HOSTILE = "<script>alert(1)</script>\"'"
EVER = datetime(2099, 1, 1, tzinfo=UTC)


def _house(engine: Engine, **counts: int) -> None:
    """A house in which all is well: a scheduler, a worker, a queue, a fresh snapshot."""
    with engine.begin() as connection:
        connection.execute(insert(Queue).values(name="default", pool_size=4))
        _live(connection.execute, "worker 1", "worker", ["default"])
        _live(connection.execute, "scheduler 1", "scheduler", None)
        connection.execute(insert(Leader).values(name="scheduler", holder="scheduler 1", until=EVER))
        figures = {"default": {"due": 3, "oldest_wait_ms": 20, "running": 1}}
        connection.execute(insert(Sample).values(counts=counts, queues=figures, rates={}))


def _live(execute: Callable[..., object], name: str, sort: str, queues: list[str] | None) -> None:
    execute(insert(Process).values(name=name, sort=sort, queues=queues, seen_until=EVER, app_version="a1b2"))


def test_all_is_well_when_it_is(engine: Engine, vera: Browser) -> None:
    _house(engine, pending=3, running=1, errored=0)
    page = vera.get("/").text
    assert "All is well." in page
    assert "(0)" not in page


def test_an_empty_house_says_what_is_missing_causes_first(vera: Browser) -> None:
    page = vera.get("/").text
    assert page.index("No scheduler acts") < page.index("No worker is alive")


def test_errored_tickets_stand_in_the_line_the_title_the_icon_and_the_navigation(
    engine: Engine, vera: Browser
) -> None:
    _house(engine, errored=1813)
    page = vera.get("/").text
    assert "1,813 tickets are errored and need you." in page
    assert "<title>(1,813) Overview" in page
    assert "favicon-errored.svg" in page
    assert "(1,813)" in vera.get("/trail").text
    assert "(1,813)" not in Browser(vera.client.application).get("/sign-in").text  # type: ignore[arg-type]


def test_the_tile_of_errored_tells_how_many_of_them_are_acknowledged(engine: Engine, vera: Browser) -> None:
    _house(engine, errored=120, alarm=20)
    page = vera.get("/").text
    assert "20 tickets are errored and need you." in page
    assert re.search(
        r'<b data-errored="20">120</b>\s*<span class="quiet">100 of them are acknowledged</span>', page
    )
    live = vera.get("/tickets").text, vera.get("/tickets/rows?tab=all&ids=").text
    assert all('data-errored="20">120</span>' in part for part in live)


def test_a_paused_queue_a_queue_behind_and_one_without_a_worker_are_findings(
    engine: Engine, vera: Browser
) -> None:
    _house(engine)
    with engine.begin() as connection:
        connection.execute(insert(Queue), [{"name": "mail"}, {"name": "slow"}, {"name": "deaf"}])
        pause_queue(connection, "mail", Actor("ada", "console"), HOSTILE)
        figures = {"slow": {"due": 9, "oldest_wait_ms": 61_000, "running": 0}, "deaf": {"due": 1}}
        connection.execute(insert(Sample).values(counts={}, queues=figures, rates={}))
        connection.execute(
            text("UPDATE counterfoil_workers SET queues = '[\"default\",\"slow\"]' WHERE sort = 'worker'")
        )
    page = vera.get("/").text
    assert "Queue mail is paused by ada since" in page
    assert "Queue slow is behind" in page
    assert "No worker listens to queue deaf" in page
    assert HOSTILE not in page


def test_a_queue_s_failing_figure_leads_to_its_own_errored_tickets(engine: Engine, vera: Browser) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Queue).values(name="mail"))
        figures = {"mail": {"failing": 4, "attempts": 9}}
        connection.execute(insert(Sample).values(counts={}, queues=figures, rates={}))
    for path in ("/queues", "/queues/mail"):
        assert re.search(r'href="/tickets\?queue=mail&amp;tab=errored">4(</a>| of 9)', vera.get(path).text), (
            path
        )


def test_staged_tickets_that_nobody_released_are_a_finding(engine: Engine, vera: Browser) -> None:
    _house(engine)
    with engine.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(minutes=61)
        ticket(connection, "held", opened_at=long_ago, view_model="Order.ship")
        ticket(connection, "held", opened_at=long_ago, view_model="Held.by.hand", moves=1)
        ticket(connection, "held", view_model="Just.opened")
        connection.execute(insert(Sample).values(counts={"forgotten": 1}, queues={}, rates={}))
    page = vera.get("/").text
    assert "One staged ticket was not released by its application within 60 minutes." in page
    link = re.search(r'href="(/tickets[^"]*staged[^"]*)"', page)
    assert link
    listed = vera.get(link[1].replace("&amp;", "&")).text
    assert "Order.ship" in listed
    assert "Held.by.hand" not in listed
    assert "Just.opened" not in listed


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages ask Redis in passing: on a busy machine, one that is there may answer later than that."""
    monkeypatch.setattr(redis_answers, "__defaults__", (30,))
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 30)


@pytest.mark.usefixtures("patient")
def test_a_redis_that_is_away_is_a_finding(
    make_console: Callable[..., Flask], cast: None, redis_server: RedisServer
) -> None:
    browser = Browser(make_console(redis_url=redis_server.url))
    browser.sign_in("vera")
    assert "Redis does not answer" not in browser.get("/").text
    redis_server.stop()
    assert "Redis does not answer" in browser.get("/").text
    redis_server.start()
    assert "Redis does not answer" not in browser.get("/").text


def test_the_overview_polls_a_fragment(engine: Engine, vera: Browser) -> None:
    _house(engine)
    fragment = vera.get("/", headers={"HX-Request": "true"}).text
    assert "All is well." in fragment
    assert "<html" not in fragment


def test_a_database_that_is_away_leaves_the_overview_standing_for_a_minute(
    console: Flask, monkeypatch: pytest.MonkeyPatch, cast: None
) -> None:
    browser = Browser(console)
    browser.sign_in("vera")
    browser.get("/profile")
    _break(console)
    page = browser.get("/")
    assert page.status_code == 503
    assert "The database does not answer." in page.text
    assert "vera" in page.text
    # Only there, and only for who was seen within the minute.
    assert browser.get("/trail").status_code == 503
    assert "vera" not in browser.get("/trail").text
    assert "vera" not in Browser(console).get("/").text
    monkeypatch.setattr("console.guard.CACHED_SECONDS", -1)
    assert "vera" not in browser.get("/").text


def _break(console: Flask) -> None:
    with console.app_context():
        for bound in db.engines.values():
            bound.dispose()

            @event.listens_for(bound, "do_connect")
            def away(*rest: object) -> None:
                raise OperationalError("connect", {}, Exception("connection refused"))


@pytest.mark.parametrize("hours", ["", "4"])
def test_a_queue_is_paused_with_a_reason_and_resumed(engine: Engine, otto: Browser, hours: str) -> None:
    _house(engine)
    otto.get("/queues")
    answer = otto.post("/queues/default/pause", data={"reason": "bank is down", "hours": hours})
    assert answer.status_code == 303
    page = otto.get("/queues").text
    assert "bank is down" in page
    assert "Queue default is paused." in page
    with engine.connect() as connection:
        row = connection.execute(select(Queue.paused, Queue.paused_by, Queue.paused_until)).one()
        now = connection.execute(select(stamp())).scalar_one()
    assert (row.paused, row.paused_by) == (True, "otto")
    assert (row.paused_until is None) == (hours == "")
    if hours:
        assert 3.9 < (row.paused_until - now).total_seconds() / 3600 < 4.1
    assert otto.post("/queues/default/resume").status_code == 303
    assert otto.post("/queues/default/resume").status_code == 409
    with engine.connect() as connection:
        acts = select(TrailEntry.actor, TrailEntry.verb, TrailEntry.subject, TrailEntry.reason).where(
            TrailEntry.verb.in_(["pause", "resume"])
        )
        assert connection.execute(acts.order_by(TrailEntry.id)).all() == [
            ("otto", "pause", "queue default", "bank is down"),
            ("otto", "resume", "queue default", None),
        ]


def test_a_pause_without_a_reason_is_refused(engine: Engine, otto: Browser) -> None:
    _house(engine)
    answer = otto.post("/queues/default/pause", data={"reason": "  "})
    assert answer.status_code == 422
    with engine.connect() as connection:
        assert connection.execute(select(Queue.paused)).scalar_one() is False


def test_a_queue_that_is_not_there_is_not_found_and_not_made(engine: Engine, otto: Browser) -> None:
    assert otto.get("/queues/no-such").status_code == 404
    assert otto.post("/queues/no-such/pause", data={"reason": "x"}).status_code == 404
    assert otto.post("/queues/no-such/resume").status_code == 404
    with engine.connect() as connection:
        assert connection.execute(select(Queue.name)).all() == []


def test_a_viewer_sees_the_pause_button_disabled(engine: Engine, vera: Browser) -> None:
    _house(engine)
    assert "disabled" in vera.get("/queues").text


def test_workers_tell_what_they_are_and_who_is_gone(engine: Engine, vera: Browser) -> None:
    _house(engine)
    with engine.begin() as connection:
        connection.execute(insert(Process).values(name=HOSTILE, sort="worker", seen_until=stamp()))
    page = vera.get("/workers").text
    assert "worker 1" in page
    assert page.count("gone") == 1
    assert HOSTILE not in page


def test_the_scheduler_tells_when_each_duty_ran_last_what_it_cost_and_what_failed(
    engine: Engine, vera: Browser
) -> None:
    well = Book()
    well.record(3, 0.25, datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
    broken = Book()
    broken.record_error("purger", OSError("<no space> left"), datetime(2026, 11, 21, 6, 1, tzinfo=UTC))
    books = {"ringer": well.as_json(), "purger": broken.as_json(), "waker": Book().as_json()}
    with engine.begin() as connection:
        live = {"sort": "scheduler", "seen_until": EVER}
        connection.execute(insert(Process).values(name="one", duties=books, **live))
        connection.execute(insert(Process).values(name="other", duties={}, **live))
    assert "What the scheduler does" not in vera.get("/workers").text, "none acts"
    with engine.begin() as connection:
        connection.execute(insert(Leader).values(name="scheduler", holder="one", until=EVER))
    page = vera.get("/workers").text
    ringer, purger = (page.split(f'id="duty-{word}"')[1].split("</tr>")[0] for word in ("ringer", "purger"))
    assert 'datetime="2026-11-21T06:00:00.000Z"' in ringer
    assert "250 ms" in ringer
    assert "fails" not in ringer
    assert "OSError: &lt;no space&gt; left" in purger
    assert "fails" in purger


def _acts(engine: Engine, many: int, actor: str = "ada", verb: str = "retry") -> None:
    rows = [
        {"actor": actor, "via": "console", "verb": verb, "ticket_id": n, "reason": f"reason {n}"}
        for n in range(many)
    ]
    with engine.begin() as connection:
        connection.execute(insert(TrailEntry), rows)


def test_the_trail_is_read_page_by_page_both_ways(engine: Engine, vera: Browser) -> None:
    _acts(engine, 120)
    pages, path = [], "/trail?verb=retry"
    for _ in range(3):
        page = vera.get(path).text
        pages.append([line for line in page.split() if line.startswith('id="entry-')])
        path = _link(page, "next") or ""
    assert [len(ids) for ids in pages] == [50, 50, 20]
    assert path == ""
    assert len({id_ for ids in pages for id_ in ids}) == 120
    second = vera.get(_link(vera.get("/trail?verb=retry").text, "next") or "").text
    back = vera.get(_link(second, "prev") or "").text
    assert [line for line in back.split() if line.startswith('id="entry-')] == pages[0]


def test_the_trail_is_filtered_by_listed_fields(engine: Engine, vera: Browser) -> None:
    _acts(engine, 3)
    _acts(engine, 2, actor="bo'b", verb="fail")
    for query, count in {
        "actor=bo%27b": 2,
        "verb=retry": 3,
        "ticket=1": 2,
        "actor=ada&ticket=1": 1,
        "verb=%25": 0,
        "refused=1": 0,
    }.items():
        assert vera.get(f"/trail?{query}").text.count('id="entry-') == count, query


@pytest.mark.parametrize(
    "query", ["ticket=x", "before=-1", "after=9e9", "ticket=99999999999999999999", "before=²"]
)
def test_nonsense_in_the_trail_s_address_is_told(vera: Browser, query: str) -> None:
    answer = vera.get(f"/trail?{query}")
    assert answer.status_code == 422
    assert "must be a number" in answer.text


def test_a_rare_filter_looks_through_a_stretch_and_then_offers_the_next(
    engine: Engine, vera: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_query, "STRETCH", 40)
    _acts(engine, 1, actor="rare")
    _acts(engine, 100)
    path, looks = "/trail?actor=rare", 0
    while 'id="entry-' not in (page := vera.get(path).text):
        assert "older ones may" in page
        path, looks = _link(page, "next") or "", looks + 1
    assert looks == 2


def test_the_trail_shows_what_is_hostile_as_text(engine: Engine, vera: Browser) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(TrailEntry).values(
                actor=HOSTILE,
                via="console",
                verb="retry",
                subject=HOSTILE,
                reason=HOSTILE,
                before={HOSTILE: HOSTILE},
                after={HOSTILE: "x"},
            )
        )
    assert HOSTILE not in vera.get("/trail").text


def test_probes_need_nobody_and_tell_nothing(engine: Engine, stranger: Browser) -> None:
    assert stranger.get("/healthz").json == {"status": "ok"}
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "not ready",
        "database": "ok",
        "redis": "not configured",
        "beat": "no scheduler",
    }
    _house(engine)
    assert stranger.get("/readyz").status_code == 200


@pytest.mark.usefixtures("patient")
def test_the_probe_of_readiness_notices_redis(
    engine: Engine, make_console: Callable[..., Flask], redis_server: RedisServer
) -> None:
    _house(engine)
    stranger = Browser(make_console(redis_url=redis_server.url))
    assert stranger.get("/readyz").status_code == 200
    redis_server.stop()
    answer = stranger.get("/readyz")
    assert (answer.status_code, (answer.json or {})["redis"]) == (503, "away")
    assert stranger.get("/healthz").status_code == 200


def _link(page: str, rel: str) -> str | None:
    found = page.partition(f'rel="{rel}" href="')[2]
    return unescape(found.partition('"')[0]) or None


def test_a_second_pause_tells_the_first_in_the_trail(engine: Engine) -> None:
    _house(engine)
    with engine.begin() as connection:
        pause_queue(connection, "default", Actor("ada", "console"), "first", EVER)
        pause_queue(connection, "default", Actor("otto", "cli"), "second")
        told = connection.execute(select(TrailEntry.before, TrailEntry.after).order_by(TrailEntry.id)).all()
    assert told[0].before["paused"] is False
    assert told[1].before == told[0].after
    assert told[1].before["paused_by"] == "ada"
    assert told[1].before["paused_until"].startswith("2099-01-01")
    assert told[1].after["paused_reason"] == "second"
