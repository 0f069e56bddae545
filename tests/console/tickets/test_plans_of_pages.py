"""Each list is read by the index it names, on a table large enough that a wrong plan would show."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, event

from console.queries import splits, view_models
from console.queries.causes import failing_causes
from console.queries.counts import Number, number
from console.queries.leaving import clean, clean_number
from console.queries.overtaken import overtaken
from console.queries.put_off import put_off
from console.queries.tickets import SIZE, database_now, page
from counterfoil.filters import TicketFilter
from counterfoil.tabs import TABS
from tests.console.tickets.conftest import COUNT
from tests.console.tickets.explaining import plans_of
from worker.scheduler import flow

pytestmark = pytest.mark.alone
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plans(connection: Connection, wanted: TicketFilter, cursor: str | None, read: str) -> list[str]:
    """The plan of every statement that a page or a count sends about tickets."""
    sent: list[tuple[str, object]] = []

    def note(conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    engine: Engine = connection.engine
    now = database_now(connection)
    event.listen(engine, "before_cursor_execute", note)
    try:
        if read == "page":
            page(connection, wanted, cursor, now)
        else:
            number(connection, wanted, now)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    found = []
    for statement, parameters in sent:
        if statement.startswith("SET"):
            connection.exec_driver_sql(statement)  # what the next is planned by
        if statement.startswith(("EXPLAIN", "SET")):
            continue
        found += plans_of(connection, statement, parameters)
    connection.rollback()
    return found


SEARCHES = (
    "state:pending queue:q1",
    "state:errored error:19905",
    "root:Customer!7 or root:Order!8",
    "root:Customer!7 state:done",
    "label:'ACME 199'",
    "param.order_id:42",
    "not (label:acme or kept:yes)",
    "version:a1b2c3 attempts:>2 age:<2h",
    "tab:retrying priority:<=high opened_by:ada",
    *(
        "root:Customer age:<1h",
        "age:<1w",
        "state:done attempts:<2",
        "state:done attempts:>1",
        "kind:precondition",
    ),
)
FILTERS = [
    *({"tab": tab, "window": window} for tab in TABS for window in ("1h", "7d")),
    *({"tab": tab, "queue": "q1"} for tab in TABS),
    *({"tab": tab, "view": "View1"} for tab in TABS),
    *({"tab": tab, "root": "Customer!7"} for tab in TABS),
    *({"tab": tab, "q": "acme 77"} for tab in TABS),
    {"tab": "errored", "queue": "absent"},
    *({"tab": tab, "q": "root:Customer"} for tab in ("all", "done", "retrying")),
    *({"tab": tab, "error": "absent"} for tab in ("all", "errored", "retrying")),
    *({"tab": tab, "batch": "7"} for tab in ("all", "errored")),
    {"q": "12345"},
    *({"q": words} for words in SEARCHES),
]


@pytest.mark.parametrize("read", ["page", "count"])
def test_no_list_walks_the_table_and_none_that_its_index_bounds_is_sorted(
    large: Connection, read: str
) -> None:
    for fields in FILTERS:
        wanted = TicketFilter(**fields)
        first = page(large, wanted, None, database_now(large))
        for cursor in (None, first.next) if read == "page" and first.next else (None,):
            for plan in plans(large, wanted, cursor, read):
                assert not re.search(r"Seq Scan on counterfoil_(tickets|params|attempts)", plan), (
                    fields,
                    plan,
                )
                assert "SCAN counterfoil_tickets\n" not in plan + "\n" or fields.get("tab", "all") == "all"
                if read == "page" and not any(scan.residual for scan in wanted.scans(NOW)):
                    # A handful may be read whole and sorted, what is running above all.
                    sorts = [int(rows) for rows in re.findall(r"Sort .*? rows=(\d+)", plan)]
                    assert max(sorts, default=0) <= 4 * SIZE, (fields, plan)
                    assert "TEMP B-TREE" not in plan, (fields, plan)


@pytest.mark.parametrize("tab", sorted(set(TABS) - {"all"}))
def test_a_bare_tab_uses_its_own_index(large: Connection, tab: str) -> None:
    plan = plans(large, TicketFilter(tab=tab), None, "page")[0]  # what is shown of them may be read by id
    for index, _ in TABS[tab].walks:
        # On SQLite what is looked for among failures stands beside their order.
        assert index in plan or (tab == "errored" and "counterfoil_tickets_errored" in plan)


def test_words_among_failures_are_compared_in_the_order_of_their_end(large: Connection) -> None:
    """And on SQLite without their rows, which to reach took five times as long as all the rest."""
    wanted = TicketFilter(q="state:errored OSError queue:q1 attempts:<9")
    index = {
        "sqlite": "COVERING INDEX counterfoil_tickets_errored",
        "postgresql": "counterfoil_tickets_final",
    }
    assert index[large.dialect.name] in plans(large, wanted, None, "count")[-1]


@pytest.mark.parametrize("field", ["view=View1", "batch=7", "root=Customer!7", "tab=errored&error=absent"])
def test_by_the_id_a_walk_reads_its_own_index_however_far_on(large: Connection, field: str) -> None:
    """The primary key has the same order and all tickets; the planner likes it none the less."""
    wanted = TicketFilter.parse(f"{field}&q=attempts:>90")
    names = {scan.index for scan in wanted.scans(NOW)}
    assert len(names) == 1
    for cursor in (None, *(f"{way}.{COUNT // part}" for way in "fb" for part in (1, 2, 4, 20, 100))):
        for plan in plans(large, wanted, cursor, "page"):
            used = re.findall(r"(?:using|INDEX) (counterfoil_\w+)", plan)
            # What runs is a handful, which may be sorted.
            assert set(used) - {"counterfoil_tickets_running"} == names, (cursor, plan)


def test_clean_receipts_leaving_are_counted_by_the_purges_index(large: Connection) -> None:
    sent: list[tuple[str, object]] = []

    def note(conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    until = database_now(large) + timedelta(days=7)
    event.listen(large.engine, "before_cursor_execute", note)
    try:
        assert clean_number(large, until).more
        assert clean(large, until)
    finally:
        event.remove(large.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if large.dialect.name == "sqlite" else "EXPLAIN "
    for statement, parameters in sent:
        rows = large.exec_driver_sql(explain + statement, parameters).all()  # type: ignore[arg-type]
        assert "counterfoil_tickets_purge" in str(rows)
    large.rollback()


@pytest.mark.parametrize(
    "read", ["tickets of a view model", "candidates of a queue", "priorities", "what finished"]
)
def test_what_the_charts_and_the_house_s_pages_ask_of_tickets_is_bounded_by_an_index(
    large: Connection, read: str
) -> None:
    sent: list[tuple[str, object]] = []

    def note(conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    now = database_now(large)
    event.listen(large.engine, "before_cursor_execute", note)
    try:
        if read == "tickets of a view model":
            assert view_models.tickets(large, "View3")["done"].n == view_models.MOST_TICKETS
        elif read == "candidates of a queue":
            assert splits.candidates(large, "q1", now) > 0
        elif read == "priorities":
            overtaken(large, "q1", now, 60)
            put_off(large, "q1", now)
            failing_causes(large, NOW)
        else:
            flow.read(large, now - timedelta(seconds=12), now - timedelta(seconds=2))
    finally:
        event.remove(large.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if large.dialect.name == "sqlite" else "EXPLAIN "
    for statement, parameters in sent:
        plan = "\n".join(str(row[-1]) for row in large.exec_driver_sql(explain + statement, parameters))  # type: ignore[arg-type]
        assert "Seq Scan on counterfoil_tickets" not in plan, plan
        assert not re.search(r"SCAN (counterfoil_tickets|t)\b", plan), plan
    large.rollback()


def test_rare_words_are_found_by_their_index_however_deep_they_lie(large: Connection) -> None:
    now = database_now(large)
    deep = {"param.order_id:rare": 10}
    deep |= {'"ACME 7777"': 11, "error:20305": 2, "acme 20305": 2, "20305 or 40405": 4}
    for words, expected in deep.items():
        wanted = TicketFilter.parse([("q", words)])
        found = page(large, wanted, None, now)
        assert not found.stretched, words
        assert len(found.rows) == expected, words
        assert number(large, wanted, now) == Number(expected), words
        used = "\n".join(plans(large, wanted, None, "page"))
        of_texts = r"counterfoil_tickets_(label|error)|counterfoil_texts VIRTUAL TABLE INDEX \d+:\w*M"
        index = "params_value" if words.startswith("param") else of_texts
        assert re.search(index, used), (words, used)
        assert "Seq Scan on counterfoil_tickets" not in used, (words, used)
    for words in ("param.order_id:common", "param.order_id:absent", "label:acme", "nowhere-at-all"):
        wanted = TicketFilter.parse([("q", words)])
        found = page(large, wanted, None, now)
        rare = "absent" in words or "nowhere" in words
        assert len(found.rows) == (0 if rare else SIZE), words
        assert not (rare and found.stretched), words
