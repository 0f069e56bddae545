"""The overview's judgement, charts, a queue's page and the view models' pages."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, insert, select, text, update
from sqlalchemy.exc import OperationalError

from console import panels
from console.bottleneck import bottleneck
from console.database import db
from console.queries.house import QueueNow
from console.queries.splits import Pace, Part
from counterfoil.clock import later
from counterfoil.histogram import bucket
from counterfoil.tables import (
    Attempt,
    ErrorGroup,
    Leader,
    Operation,
    Process,
    Queue,
    Rollup,
    Sample,
    TrailEntry,
    Version,
    ViewModelRecord,
)
from counterfoil.ticket import Ticket

from .browser import Browser

EVER = datetime(2099, 1, 1, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TOKEN = "a-token-of-a-form-0001"


@pytest.fixture
def now(engine: Engine) -> datetime:
    """The last whole minute."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def furnished(engine: Engine, now: datetime) -> Engine:
    """A queue of two view models, watched for an hour; `Order.print` lately slow."""
    slow = {"due": 120, "oldest_wait_ms": 90_000, "running": 2, "drains": 2, "rate": 30, "growth": 12}
    slow |= {"attempts": 150, "failing": 9, "usual_failing": 0.01}
    slow |= {"views": {"Order.print": {"due": 118, "running": 2}, "Order.send": {"due": 2, "running": 0}}}
    with engine.begin() as connection:
        connection.execute(insert(Queue).values(name="slow", pool_size=2))
        for name in ("Order.print", "Order.send"):
            known = {"name": name, "sort": "method", "queue": "slow", "known_until": later(HOUR)}
            connection.execute(insert(ViewModelRecord).values(app_version="7.1", **known))
        live = {"seen_until": EVER, "queues": ["slow"], "app_version": "7.1"}
        connection.execute(insert(Process).values(name="w", sort="worker", **live))
        connection.execute(insert(Process).values(name="s", sort="scheduler", **live))
        connection.execute(insert(Leader).values(name="scheduler", holder="s", until=EVER))
        connection.execute(insert(Sample).values(counts={"pending": 120}, queues={"slow": slow}, rates={}))
        connection.execute(insert(Version).values(app_version="7.1", view_models=["Order.print"]))
        connection.execute(insert(Rollup), [*_rollups(now)])
    return engine


def _rollups(now: datetime) -> Any:
    for n in range(1, 40):
        for key in (("", ""), ("slow", ""), ("slow", "Order.print"), ("", "Order.print")):
            yield _rollup(60, key, now - n * MINUTE, 30, 60, 4000)
    quarter = now - timedelta(minutes=now.minute % 15)
    for n in range(8, 40):
        for key in (("", ""), ("slow", ""), ("slow", "Order.print"), ("", "Order.print")):
            yield _rollup(900, key, quarter - n * 15 * MINUTE, 450, 450, 500)


def _rollup(span: int, key: tuple[str, str], at: datetime, finished: int, arrivals: int, ms: int) -> Any:
    hist = {str(bucket(ms)): finished}
    return {
        "span_seconds": span, "queue": key[0], "view_model": key[1], "at": at, "finished": finished,
        "arrivals": arrivals, "failing": 3, "run_ms": finished * ms, "due": 100, "waits": hist, "runs": hist,
    }  # fmt: skip


def test_the_judgement_names_causes_before_symptoms_each_with_its_link(
    furnished: Engine, vera: Browser
) -> None:
    with furnished.begin() as connection:
        paused = {"paused": True, "paused_by": "ada", "paused_reason": "prints nonsense"}
        connection.execute(text("UPDATE counterfoil_view_models SET paused = true WHERE name = 'Order.send'"))
        connection.execute(insert(ViewModelRecord).values(name="Bank.call", sort="target", **paused))
    page = vera.get("/").text
    judged = re.findall(r'<li class="is-(\w+)"><a href="([^"]+)">([^<]+)', page)
    assert [link for _, link, _ in judged] == [
        "/view-models/Bank.call", "/view-models/Order.send", "/errors", "/queues/slow",
    ]  # fmt: skip
    assert "is paused by ada" in judged[0][2]
    assert re.search(r"failing: 9 of 150 attempts since \d{4}-\d\d-\d\d", judged[2][2])
    assert re.search(r"behind: its oldest ticket waits since \d{4}", judged[3][2])
    assert "growing by 12 a minute" in page
    assert "last sign of life" in page


def test_a_paused_view_model_is_told_on_the_queue_that_its_tickets_go_to(
    furnished: Engine, vera: Browser
) -> None:
    with furnished.begin() as connection:
        connection.execute(insert(Queue).values(name="other"))
        paused = {"paused": True, "paused_by": "ada", "paused_at": later(-MINUTE), "paused_until": EVER}
        paused |= {"paused_reason": "prints <b>", "route": "elsewhere"}  # some of its tickets are in it still
        connection.execute(update(ViewModelRecord).values(paused).where(ViewModelRecord.name == "Order.send"))
    told = "View model Order.send</a> is paused by ada <time"
    for path, number in (("/queues", 1), ("/queues/slow", 1), ("/queues/other", 0)):
        page = re.sub(r"\s+", " ", vera.get(path).text)
        assert page.count(told) == number, path
        assert page.count("view model paused</span>") == number, path
    notice = re.sub(r"\s+", " ", vera.get("/queues/slow").text).partition(told)[2].partition("</p>")[0]
    assert "2099-01-01" in notice
    assert "prints &lt;b&gt;" in notice
    assert "view model paused</span>" in vera.get("/").text


def test_a_failing_queue_s_finding_says_why_and_leads_there(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        for fingerprint, error, queue, number in (
            ("a" * 32, "ServiceAway: no answer from <b>ships</b>", "slow", 6),
            ("b" * 32, "MailboxUnknown: 550", "slow", 3),
            ("c" * 32, "Elsewhere: no", "other", 9),
        ):
            group = {"fingerprint": fingerprint, "error": error, "class_name": error.partition(":")[0]}
            times = {"first_seen_at": later(-HOUR), "last_seen_at": later(-MINUTE)}
            connection.execute(insert(ErrorGroup).values(**group, **times))
            row = {"view_model": "Order.print", "queue": queue}
            made = connection.execute(insert(Ticket).values(row).returning(Ticket.id)).scalar_one()
            tried = {"ticket_id": made, "outcome": "error", "fingerprint": fingerprint, "grouped": True}
            tries = [{**tried, "claim": claim, "ended_at": datetime.now(UTC)} for claim in range(number)]
            connection.execute(insert(Attempt), tries)
    found = re.search(r'<a href="(/errors/\w+)">([^<]+failing[^<]+)', vera.get("/").text)
    assert found is not None
    assert found[1] == f"/errors/{'a' * 32}"
    assert found[2].strip().endswith("Most of it: ServiceAway: no answer from &lt;b&gt;ships&lt;/b&gt;")


@pytest.mark.parametrize(
    ("attempts", "failing", "usual", "told"),
    [(150, 9, 0.01, True), (150, 9, 0.06, False), (4, 2, 0.0, False), (4, 4, 0.0, True), (0, 0, 0.5, False),
     (100, 100, 1.0, False)],
)  # fmt: skip
def test_a_queue_is_failing_when_its_share_passes_the_usual_by_more_than_chance(
    attempts: int, failing: int, usual: float, told: bool
) -> None:
    queue = QueueNow(None, False, 0, 0, 0, 1, attempts=attempts, failing=failing, usual_failing=usual)  # type: ignore[arg-type]
    assert queue.is_failing is told


@pytest.mark.parametrize(("within", "points"), [("hour", 39), ("day", 32), ("month", 0)])
def test_the_charts_figures_stand_in_a_table_with_links_to_the_tickets(
    furnished: Engine, vera: Browser, within: str, points: int
) -> None:
    page = vera.get(f"/charts?range={within}&queue=slow").text
    rows = re.findall(r'<tr data-at="\d+">.*?</tr>', page, re.S)
    assert len(rows) == points
    if not points:
        assert "No figure yet" in page
        return
    values = re.findall(r'data-v="([^"]*)"', rows[0])
    run = 4000 if within == "hour" else 500
    assert values[:2] == (["60.0", "30.0"] if within == "hour" else ["30.0", "30.0"])
    assert float(values[-1]) * 1000 == pytest.approx(run, rel=0.1)
    link = re.search(r'href="(/tickets\?tab=done[^"]+)"', rows[0])
    assert link
    assert "queue=slow" in link[1]
    assert vera.get(link[1].replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("of", ["", "queue=slow", "view=Order.print"])
def test_a_click_on_a_spike_leads_to_what_was_done_then(
    furnished: Engine, vera: Browser, now: datetime, of: str
) -> None:
    with furnished.begin() as connection:
        for ended in (
            now - 5 * MINUTE + timedelta(seconds=30),
            now - 2 * MINUTE,
            now - 5 * MINUTE - timedelta(seconds=1),
        ):
            row = {"view_model": "Order.print", "state": "done", "queue": "slow", "turn": False}
            connection.execute(insert(Ticket.__table__).values(done=ended, delete_time=EVER, **row))
    page = vera.get(f"/charts?{of}").text
    at = int((now - 5 * MINUTE).timestamp())
    row = re.search(rf'<tr data-at="{at}">.*?</tr>', page, re.S)
    assert row
    link = re.search(r'href="(/tickets\?tab=done[^"]+)"', row[0])
    assert link
    listed = vera.get(link[1].replace("&amp;", "&")).text
    assert re.findall(r'<tr id="ticket-(\d+)"', listed) == ["1"]
    assert "ended between" in listed
    others = re.findall(r'href="(/tickets[^"]*tab=\w+[^"]*)"', listed)
    assert {vera.get(other.replace("&amp;", "&")).status_code for other in others} == {200}


def test_versions_pauses_and_operations_are_marked(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        for verb, subject in (
            ("pause", "queue slow"),
            ("start operation", "operation 4"),
            ("sign-in", "ada"),
        ):
            connection.execute(insert(TrailEntry).values(actor="ada", via="cli", verb=verb, subject=subject))
    marks = vera.get("/charts").text.partition('class="marks"')[2].partition("</ol>")[0]
    assert "first seen: version 7.1" in marks
    assert "paused: queue slow" in marks
    assert "started: operation 4" in marks
    assert "ada" not in marks


@pytest.mark.parametrize("query", ["range=year", f"queue={'x' * 201}", f"view={'x' * 201}"])
def test_nonsense_in_the_charts_address_is_not_found(vera: Browser, query: str) -> None:
    assert vera.get(f"/charts?{query}").status_code == 404


def test_a_queue_s_page_splits_it_and_names_what_it_is_short_of(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        row = {"view_model": "Order.print", "queue": "slow", "state": "pending", "priority": 5, "turn": True}
        connection.execute(insert(Ticket.__table__), [row] * 118)
    page = vera.get("/queues/slow").text
    assert "Its pool is full: 2 of 2." in page
    assert "Order.print is slower: it runs" in page
    assert "Order.print comes more often: 60 a minute, usually 30." in page
    assert 'data-label="Arrives">60.0 <span class="quiet">usually 30.0' in page
    assert vera.get("/queues/slow?part=body").headers["ETag"]
    assert "data-live" in vera.get("/queues").text


def test_low_priorities_that_wait_behind_more_urgent_ones_are_named(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        row = {"view_model": "Order.print", "queue": "slow", "state": "pending", "turn": True}
        for priority, minutes in ((9, 50), (7, 0), (3, 0), (1, 0)):
            due = later(-minutes * MINUTE)
            connection.execute(
                insert(Ticket.__table__).values(**row, priority=priority, execute_earliest=due)
            )
    page = vera.get("/queues/slow").text
    assert "Priority minor waits since" in page
    assert "more urgent tickets go first" in page
    assert "Priority low waits" not in page, "it waits no longer than it may"
    assert "Priority high waits" not in page


def test_a_queue_whose_work_says_not_now_tells_what_it_waits_for(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        row = {"view_model": "Order.print", "queue": "slow", "state": "pending", "turn": True, "priority": 5}
        ticket = connection.execute(
            insert(Ticket.__table__).values(row).returning(Ticket.__table__.c.id)
        ).scalar_one()
        put_off = {"ticket_id": ticket, "claim": 1, "outcome": "postpone", "ended_at": EVER}
        connection.execute(insert(Attempt), [put_off | {"error": "the <printer> is away"}] * 3)
        connection.execute(insert(Attempt).values(put_off | {"error": "no paper"}))
    page = vera.get("/queues/slow").text
    assert "Its work was postponed 4 times within a minute: the &lt;printer&gt; is away" in page


def _part(**more: Any) -> Part:
    idle = Pace(0, 0, 0, None)
    return Part(**({"view_model": "Order.print", "due": 9, "now": idle, "usual": None} | more))


@pytest.mark.parametrize(
    ("more", "candidates", "says"),
    [
        ({"paused": True}, 9, "paused"),
        ({"paused": True, "due": 0}, 0, "paused"),
        ({"workers": 0}, 9, "No worker listens"),
        ({}, 2, "Lanes: 98 of its 100"),
        ({"drains": 2}, 99, "pool is full"),
        ({}, 99, "more to do than they can"),
        ({"due": 0}, 0, ""),
    ],
)
def test_the_bottleneck_is_told_in_words(
    console: Flask, furnished: Engine, more: dict[str, Any], candidates: int, says: str
) -> None:
    with furnished.connect() as connection:
        row = connection.execute(select(Queue.__table__)).one()
    values = {"row": row, "paused": False, "due": 100, "oldest_wait_ms": 99_000, "running": 1, "workers": 1}
    with console.test_request_context():
        told = bottleneck(QueueNow(**(values | more)), [_part()], candidates)
    assert (says in told[0]) if says else told == []


def test_an_operator_sets_pool_size_and_wanted_wait(furnished: Engine, otto: Browser, vera: Browser) -> None:
    there = "/queues/slow/pool-size"
    assert otto.post(there, data={"pool_size": "5", "target_wait_seconds": "30"}).status_code == 303
    assert otto.post(there, data={"pool_size": "5", "target_wait_seconds": "30"}).status_code == 409
    assert otto.post(there, data={"pool_size": "0", "target_wait_seconds": "30"}).status_code == 422
    assert otto.post(there, data={"pool_size": "x", "target_wait_seconds": "30"}).status_code == 422
    assert otto.post("/queues/none/pool-size", data={"target_wait_seconds": "30"}).status_code == 404
    assert vera.post(there, data={"pool_size": "9", "target_wait_seconds": "30"}).status_code == 403
    assert otto.post(there, data={"pool_size": "", "target_wait_seconds": "30"}).status_code == 303
    with furnished.connect() as connection:
        told = select(TrailEntry.actor, TrailEntry.after).where(TrailEntry.verb == "pool-size")
        last = connection.execute(told.order_by(TrailEntry.id.desc())).first()
    assert last == ("otto", {"pool_size": None, "target_wait_seconds": 30})


def test_view_models_tell_how_they_run_and_who_knows_them(furnished: Engine, vera: Browser) -> None:
    with furnished.begin() as connection:
        for state in ("pending", "errored"):
            row = {"view_model": "Order.print", "state": state, "queue": "slow", "turn": False}
            connection.execute(insert(Ticket.__table__).values(**row))
    index = vera.get("/view-models").text
    assert "Order.print" in index
    page = vera.get("/view-models/Order.print").text
    assert "7.1" in page
    assert "1 live worker" in page
    assert re.search(r"14,[4-9]\d\d done", page)
    assert "/tickets?tab=errored&amp;view=Order.print" in page
    assert vera.get("/view-models/No.such").status_code == 404


def test_a_view_model_is_paused_resumed_and_routed_by_an_operator(
    furnished: Engine, otto: Browser, vera: Browser
) -> None:
    there = "/view-models/Order.print"
    assert vera.post(f"{there}/pause", data={"reason": "x"}).status_code == 403
    assert otto.post(f"{there}/pause", data={"reason": " "}).status_code == 422
    assert otto.post(f"{there}/pause", data={"reason": "prints nonsense", "hours": "4"}).status_code == 303
    assert "prints nonsense" in otto.get(there).text
    assert otto.post(f"{there}/resume").status_code == 303
    assert otto.post(f"{there}/resume").status_code == 409
    routed = otto.post(f"{there}/route", data={"queue": "own", "submit_token": TOKEN})
    assert routed.status_code == 303
    assert routed.location.startswith("/operations/")
    assert "routed to" in otto.get(there).text
    assert otto.post(f"{there}/route", data={"queue": "a,b", "submit_token": TOKEN + "x"}).status_code == 422
    assert otto.post("/view-models/No.such/pause", data={"reason": "x"}).status_code == 404
    with furnished.connect() as connection:
        asked = connection.execute(select(Operation.verb, Operation.arguments)).one()
        trail = connection.execute(select(TrailEntry.verb).where(TrailEntry.actor == "otto")).scalars().all()
    assert asked == ("move", {"queue": "own"})
    assert {"pause", "resume", "route"} <= set(trail)


def test_a_panel_that_is_too_slow_says_so_and_the_page_stands(
    furnished: Engine, vera: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(connection: Any, *_: Any) -> Any:
        endless = "SELECT count(*) FROM counterfoil_rollups a, counterfoil_rollups b, counterfoil_rollups c"
        connection.exec_driver_sql(f"{endless}, counterfoil_rollups d, counterfoil_rollups e")

    def within(name: str, read: Any) -> Any:
        return panels.panel(name, read, 0.05)

    for of in ("console.charts.series", "console.pages.queues.parts"):
        monkeypatch.setattr(of, slow)
    for of in ("console.charts.panel", "console.pages.queues.panel"):
        monkeypatch.setattr(of, within)
    for address, rest in (("/charts", "Hour"), ("/queues/slow", "Oldest wait")):
        page = vera.get(address)
        assert page.status_code == 200
        assert "This part cannot be shown" in page.text
        assert rest in page.text
    monkeypatch.undo()
    for address in ("/charts", "/queues/slow"):
        assert "This part cannot be shown" not in vera.get(address).text


def test_static_text_is_compressed_for_who_takes_it(stranger: Browser) -> None:
    page = stranger.get("/sign-in").text
    sheet = re.search(r'href="(/static/console.css[^"]+)"', page)
    assert sheet
    small = stranger.get(sheet[1], headers={"Accept-Encoding": "gzip"})
    whole = stranger.get(sheet[1])
    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) * 2 < int(whole.headers["Content-Length"])
    assert "Content-Encoding" not in stranger.get("/sign-in", headers={"Accept-Encoding": "gzip"}).headers


def test_a_database_error_in_a_panel_is_logged_with_its_name(
    console: Flask, furnished: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(connection: Any) -> None:
        raise OperationalError("SELECT 1", {}, Exception("disk I/O error"))

    with console.app_context():
        found = panels.panel("odd", refuse)
        assert found.away_since
        assert panels.panel("odd", refuse).away_since == found.away_since
        assert panels.panel("odd", lambda c: 1).value == 1
    assert "odd" in caplog.text


def test_charts_stand_on_the_overview_and_follow_by_themselves(
    furnished: Engine, make_console: Callable[..., Flask], vera: Browser
) -> None:
    page = vera.get("/?range=day").text
    assert 'hx-get="/charts?range=day" hx-trigger="load"' in page
    assert '<a href="/charts?range=day">' in page
    part = vera.get("/charts?range=day", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'hx-get="/charts?range=day" hx-trigger="every 60s"' in part
    fixed = re.search(r'hx-get="(/charts[^"]+)"', vera.get("/queues/slow").text)
    assert fixed
    assert 'id="chart-queue"' in part
    of_queue = vera.get(fixed[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert 'id="chart-queue"' not in of_queue, "a queue's page shows no other queue's charts"
    assert fixed[1] in of_queue
    assert vera.get("/?range=year").status_code == 404


PAGES = ("/", "/charts", "/queues", "/queues/slow", "/view-models", "/view-models/Order.print")


# PostgreSQL's planner reads all of tables this small.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_no_page_of_the_house_walks_through_a_large_table(
    furnished: Engine, vera: Browser, path: str
) -> None:
    sent: list[tuple[str, Any]] = []
    with vera.client.application.app_context():
        engine = db.engine

    def note(conn: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert vera.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    large = re.compile(r"SCAN (?:counterfoil_)?(tickets|rollups|trail|attempts|logs)\b(?! USING)")
    with furnished.connect() as connection:
        for statement, parameters in sent:
            if statement.startswith("SELECT"):
                plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
                assert not large.search(told := "\n".join(str(row[-1]) for row in plan)), (
                    f"{statement}\n{told}"
                )
    assert any("counterfoil_" in statement for statement, _ in sent)
