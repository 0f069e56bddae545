"""Keyset pages and counts, on both dialects."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from console.queries.counts import Number, number, tab_counts
from console.queries.tickets import SIZE, by_ids, database_now, page
from counterfoil.filters import FilterError, TicketFilter
from counterfoil.keyset import CursorError
from counterfoil.search.tree import quoted
from counterfoil.tabs import TABS
from counterfoil.text_index import catch_up
from counterfoil.ticket import STATES, Ticket
from tests.console.tickets.cast import many, ticket


def test_every_pending_ticket_is_in_exactly_one_of_pending_delayed_and_retrying(engine: Engine) -> None:
    with engine.begin() as connection:
        now = database_now(connection)
        for claims in (0, 1):
            for ahead in (-60, -0.001, 60):
                ticket(connection, retry_at=now + timedelta(seconds=ahead), claims=claims)
        seen = {
            tab: {row.id for row in page(connection, TicketFilter(tab=tab), None, now).rows}
            for tab in ("pending", "delayed", "retrying")
        }
    assert {name: len(ids) for name, ids in seen.items()} == {"pending": 4, "delayed": 1, "retrying": 1}
    assert len(set.union(*seen.values())) == 6


def test_every_state_has_its_tab_and_all_has_everything(engine: Engine) -> None:
    with engine.begin() as connection:
        made = {state: ticket(connection, state) for state in STATES}
        now = database_now(connection)
        for state, id_ in made.items():
            assert [row.id for row in page(connection, TicketFilter(tab=state), None, now).rows] == [id_]
        everything = page(connection, TicketFilter(), None, now).rows
    assert {row.id for row in everything} == set(made.values())


@pytest.mark.parametrize("narrow", [{}, {"queue": "q1"}, {"view": "View1"}, {"q": "acme 1"}])
def test_pages_forward_and_back_show_every_ticket_once_in_one_order(
    engine: Engine, narrow: dict[str, str]
) -> None:
    with engine.connect() as connection:
        many(connection, 3000)
        now = database_now(connection)
        for tab in TABS:
            wanted = TicketFilter(tab=tab, window="7d", **narrow)
            forward, last = _read(connection, wanted, now)
            seen = [id_ for ids in forward for id_ in ids]
            assert len(seen) == len(set(seen)), tab
            assert seen or (tab == "running" and narrow), tab
            assert number(connection, wanted, now) == Number(len(seen)), tab
            assert all(len(ids) == SIZE for ids in forward[:-1]), tab
            backward = [forward[-1]]
            cursor = last
            while cursor:
                found = page(connection, wanted, cursor, now)
                backward.insert(0, [row.id for row in found.rows])
                cursor = found.previous
            assert backward == forward, tab


def test_what_an_index_of_words_has_found_is_paged_both_ways_and_counted(engine: Engine) -> None:
    with engine.connect() as connection:
        many(connection, 3000)
        while connection.dialect.name == "sqlite" and catch_up(connection):
            connection.commit()
        now = database_now(connection)
        for tab, expected in (("all", 111), ("done", 104), ("errored", 1), ("running", 0)):
            wanted = TicketFilter(tab=tab, q='"acme 27"')
            first = page(connection, wanted, None, now)
            assert (first.total, first.previous) == (expected, None), tab
            rows = page(connection, wanted, None, now, bare=True)
            assert [row.id for row in rows.rows] == [row.id for row in first.rows], tab
            if not expected:
                continue
            forward, back = _read(connection, wanted, now)
            assert len({id_ for ids in forward for id_ in ids}) == expected, tab
            backward = [forward[-1]]
            while back:
                before = page(connection, wanted, back, now)
                assert before.total == expected, tab
                backward.insert(0, [row.id for row in before.rows])
                back = before.previous
            assert backward == forward, tab
            behind = f"f.{forward[-1][-1]}" if tab == "all" else f"f.0.{forward[-1][-1]}"
            beyond = page(connection, wanted, behind, now)
            assert (beyond.rows, beyond.next, beyond.total) == ([], None, None), tab


def _read(connection: Connection, wanted: TicketFilter, now: datetime) -> tuple[list[list[int]], str | None]:
    """All pages' ids from the first on, and the cursor that leads back from the last."""
    pages, cursor = [], None
    while True:
        found = page(connection, wanted, cursor, now)
        pages.append([row.id for row in found.rows])
        cursor = found.next
        if not cursor:
            return pages, found.previous


def test_a_look_that_is_cut_short_says_so_and_can_be_read_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 100)
    with engine.connect() as connection:
        many(connection, 1000)
        oldest = ticket(connection, root_label="the §§")  # too short for an index of words
        connection.execute(update(Ticket).where(Ticket.id == oldest).values(id=-5))
        now = database_now(connection)
        wanted = TicketFilter(q="§§")
        first = page(connection, wanted, None, now)
        assert (first.rows, first.stretched) == ([], True)
        assert number(connection, wanted, now) == Number(0, more=True)
        looks, cursor = 1, first.next
        while cursor:
            found = page(connection, wanted, cursor, now)
            looks, cursor = looks + 1, found.next
        assert [row.id for row in found.rows] == [-5]
        assert looks == 11


def test_several_walks_look_through_no_more_between_them_than_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 100)
    with engine.connect() as connection:
        oldest = ticket(connection, "failed", view_model="V", attempts=9)
        for _ in range(80):
            ticket(connection, "done", view_model="V")
            ticket(connection, "failed", view_model="V")
        now = database_now(connection)
        wanted = TicketFilter(q="view:V attempts:>2 (state:done or state:failed)")
        looks, cursor, rows = 0, None, []
        while not looks or cursor:
            found = page(connection, wanted, cursor, now)
            rows += [row.id for row in found.rows]
            looks, cursor = looks + 1, found.next
        assert (rows, looks) == ([oldest], 2)


@pytest.mark.parametrize("search", ["attempts:<2", "view:V attempts:<2", "state:pending attempts:<2"])
def test_what_no_index_bounds_is_counted_a_stretch_a_request_and_exactly_in_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 40)
    with engine.connect() as connection:
        for n in range(50):
            ticket(connection, "pending", view_model="V", claims=n % 2)
            ticket(connection, "errored", view_model="V", attempts=n % 3 + 1)
            ticket(connection, "failed", view_model="W")
        now = database_now(connection)
        wanted = TicketFilter(q=search)
        everything = connection.execute(select(func.count()).where(wanted.where(now))).scalar_one()
        steps = [number(connection, wanted, now)]
        while begun := steps[-1].begun:
            assert steps[-1].more
            steps.append(number(connection, wanted, now, begun=begun.written()))
        assert steps[-1] == Number(everything)
        assert (
            len(steps) == {"attempts:<2": 4, "view:V attempts:<2": 3, "state:pending attempts:<2": 2}[search]
        )
        monkeypatch.setattr("console.queries.counts.MOST_LOOKED", 40)
        assert number(connection, wanted, now).begun is None


@pytest.mark.parametrize("found", [7, 10, 11])
def test_a_number_that_goes_on_ends_at_the_most_that_is_counted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, found: int
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 5)
    monkeypatch.setattr("console.queries.counts.MOST", 10)
    with engine.connect() as connection:
        for _ in range(found):
            ticket(connection, "errored", attempts=1)
        now = database_now(connection)
        wanted = TicketFilter(q="state:errored attempts:<2")
        step = number(connection, wanted, now)
        while step.begun:
            step = number(connection, wanted, now, begun=step.begun.written())
        assert (step.n, step.more) == (min(found, 10), found > 10)


@pytest.mark.parametrize("begun", ["x", "1.2.9.5", "1.2.0.f", "1.2.0.1764.17", "9" * 12 + ".1.0."])
def test_a_number_goes_on_from_no_place_that_is_none(engine: Engine, begun: str) -> None:
    with (
        engine.connect() as connection,
        pytest.raises(FilterError, match=r"counted.*no place of this number"),
    ):
        number(connection, TicketFilter(q="attempts:<2"), database_now(connection), begun=begun)


def test_delayed_ones_stand_behind_no_mass_that_waits_for_another_try(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 100)
    with engine.begin() as connection:
        now = database_now(connection)
        again = [
            ticket(connection, execute_earliest=now + timedelta(minutes=n), claims=1) for n in range(1, 300)
        ]
        late = ticket(connection, execute_earliest=now + timedelta(days=1))
        due = [
            ticket(connection, execute_earliest=now - timedelta(minutes=n), claims=n % 2) for n in (3, 2, 1)
        ]
        delayed = page(connection, TicketFilter(tab="delayed"), None, now)
        assert ([row.id for row in delayed.rows], delayed.stretched) == ([late], False)
        assert number(connection, TicketFilter(tab="delayed"), now) == Number(1)
        assert number(connection, TicketFilter(tab="retrying"), now) == Number(299)
        assert [row.id for row in page(connection, TicketFilter(tab="pending"), None, now).rows] == due
        everything = page(connection, TicketFilter(q="state:pending"), None, now)
        assert [row.id for row in everything.rows] == [*due, *again][:SIZE]
        assert number(connection, TicketFilter(q="state:pending"), now) == Number(303)


def test_digits_find_the_ticket_with_that_id_however_old(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queries.look.STRETCH", 100)
    with engine.connect() as connection:
        first = ticket(connection, token="abcdef")
        many(connection, 1000)
        now = database_now(connection)
        assert page(connection, TicketFilter(q=str(first)), None, now).rows[0].id == first
        assert page(connection, TicketFilter(q="abcdef"), None, now).rows[0].id == first
        assert page(connection, TicketFilter(tab="errored", q="abcdef"), None, now).rows == []


@pytest.mark.parametrize("words", ["100%", "a_c", "50\\50", "it's", '"; DROP TABLE x; --', "/", "ümlaut"])
def test_text_is_looked_for_as_written(engine: Engine, words: str) -> None:
    with engine.begin() as connection:
        hit = ticket(connection, root_label=f"before {words} after")
        ticket(connection, root_label="abc 1000 5050 its before after")
        now = database_now(connection)
        assert [row.id for row in page(connection, TicketFilter(q=quoted(words)), None, now).rows] == [hit]


def test_the_text_is_found_in_every_field_a_person_may_have_at_hand(engine: Engine) -> None:
    fields = {
        "root_id": "Order!9",
        "root_label": "A-8123",
        "token": "tok9",
        "view_model": "Ship",
        "error": "E9",
    }
    with engine.begin() as connection:
        now = database_now(connection)
        for name, value in fields.items():
            id_ = ticket(connection, "errored", **{name: value})
            assert id_ in [row.id for row in page(connection, TicketFilter(q=value), None, now).rows]


def test_a_root_shows_its_tickets_newest_first(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [ticket(connection, state, root_id="Customer!7") for state in ("done", "pending", "errored")]
        ticket(connection, root_id="Customer!70")
        now = database_now(connection)
        found = page(connection, TicketFilter(root="Customer!7"), None, now).rows
        assert [row.id for row in found] == ids[::-1]
        errored = page(connection, TicketFilter(tab="errored", root="Customer!7"), None, now).rows
        assert [row.id for row in errored] == [ids[2]]


def test_receipts_leaving_are_those_with_trouble_and_not_those_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        now = database_now(connection)
        soon = {"delete_time": now + timedelta(minutes=5)}
        ticket(connection, "done", trouble=False, **soon)
        troubled = ticket(connection, "done", trouble=True, **soon)
        failed = ticket(connection, "failed", **soon)
        ticket(connection, "failed", kept=now + timedelta(days=9), **soon)
        ticket(connection, "failed", delete_time=now + timedelta(hours=2))
        found = page(connection, TicketFilter(tab="leaving", window="1h"), None, now).rows
        assert [row.id for row in found] == [troubled, failed]


def test_rows_shown_before_say_whether_they_still_belong_to_the_list(engine: Engine) -> None:
    with engine.begin() as connection:
        stays, leaves = ticket(connection, "errored"), ticket(connection, "done")
        found = by_ids(
            connection, [stays, leaves, 999], TicketFilter(tab="errored"), database_now(connection)
        )
        assert {row.id: bool(row.matches) for row in found} == {stays: True, leaves: False}


def test_counts_come_from_a_snapshot_with_its_time(engine: Engine) -> None:
    with engine.begin() as connection:
        ticket(connection, "held")
        now = database_now(connection)
        counted = tab_counts(connection, now, None, None)
        assert (counted.of["held"], counted.at) == (Number(1), None)
        counted = tab_counts(connection, now, {"held": 70_000}, now)
        assert counted.of["held"] == Number(70_000)
        assert counted.of["done"] == Number(0)
        assert counted.at == now


def test_a_count_stops_at_ten_thousand(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.queries.counts.MOST", 20)
    with engine.connect() as connection:
        many(connection, 1000)
        now = database_now(connection)
        assert number(connection, TicketFilter(tab="done"), now) == Number(20, more=True)
        assert number(connection, TicketFilter(tab="errored"), now) == Number(10)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "f", "f.", "f.1", "n.1.1", "f.1.1.1", "f.1.-1", "f.1.99999999999999999999", "f.a.1", "f.1e9.1",
     "f.99999999999999999999999.1", "f.1.1\n", "f.1.'--", "f.-99999999999999999999.1"],
)  # fmt: skip
def test_a_cursor_that_is_no_place_in_the_list_is_refused(engine: Engine, cursor: str) -> None:
    with engine.connect() as connection:
        now = database_now(connection)
        with pytest.raises(CursorError, match="open the list's first page"):
            page(connection, TicketFilter(tab="errored"), cursor or "?", now)


@pytest.mark.parametrize(
    "query",
    ["tab=nonsense", "tab=done&tab=held", "sort=id", "window=2h", "q=" + "x" * 501, "q=a%00b",
     "view=" + "x" * 201, "tab=Done"],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_names_the_field(query: str) -> None:
    with pytest.raises(FilterError, match="^" + query.partition("=")[0] + "="):
        TicketFilter.parse(query)


@pytest.mark.parametrize(
    "query",
    ["", "tab=errored", "queue=q+1", "tab=held&view=Customer.assign_number&root=Customer%2142&q=a%26b%3D%25"],
)
def test_a_filter_comes_back_as_it_was_written(query: str) -> None:
    assert TicketFilter.parse(query).query() == query
    assert TicketFilter.parse(TicketFilter.parse(query).query()) == TicketFilter.parse(query)


def test_defaults_and_blanks_leave_the_address() -> None:
    assert TicketFilter.parse("tab=all&queue=&q=+&window=24h&cursor=x", besides=["cursor"]).query() == ""
    assert TicketFilter.parse("").is_everything
    assert not TicketFilter.parse("tab=errored").is_everything
