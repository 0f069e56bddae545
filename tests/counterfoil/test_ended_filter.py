"""Tickets that came to an end in a span: one walk of their state's index, whatever else is asked."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from console.queries.counts import number
from console.queries.tickets import page
from counterfoil.filters import FilterError, TicketFilter
from tests.console.tickets.cast import ticket

BEGAN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
SPAN = "2026-03-01T02:00:00Z..2026-03-01T02:15:00Z"


def test_it_finds_what_ended_within_and_reads_back_the_same(engine: Engine) -> None:
    with engine.begin() as connection:
        found = []
        for minutes in (-1, 0, 7, 15):
            at = BEGAN + timedelta(minutes=minutes)
            found.append(ticket(connection, "done", view_model="A", done=at))
            ticket(connection, "done", view_model="B", done=at)
            ticket(connection, "errored", view_model="A", done=at)
        wanted = TicketFilter.parse({"tab": "done", "view": "A", "ended": SPAN}.items())
        assert TicketFilter.parse(wanted.query()) == wanted
        assert wanted.is_narrowed
        listed = page(connection, wanted, None, BEGAN)
        assert [row.id for row in listed.rows] == [found[2], found[1]]
        assert number(connection, wanted, BEGAN).n == 2
        (scan,) = wanted.scans(BEGAN)
        assert scan.index == "counterfoil_tickets_final"


@pytest.mark.parametrize(
    ("tab", "ended", "cure"),
    [
        ("pending", SPAN, "goes with the tab of a final state: done, errored, expired, failed"),
        ("done", "yesterday", "write FROM..TO"),
        ("done", "2026-03-01T02:00:00..2026-03-01T03:00:00", "write FROM..TO"),
        ("done", "2026-03-01T02:00:00Z..2026-03-01T02:00:00Z", "write FROM..TO"),
    ],
)
def test_what_is_no_span_or_has_no_end_is_refused_with_the_cure(tab: str, ended: str, cure: str) -> None:
    with pytest.raises(FilterError, match="ended") as refused:
        TicketFilter.parse({"tab": tab, "ended": ended}.items())
    assert cure in str(refused.value)


def test_another_tab_forgets_the_span() -> None:
    wanted = TicketFilter(tab="done", ended=SPAN)
    assert TicketFilter.parse(wanted.query(tab="running")).ended is None
    assert TicketFilter.parse(wanted.query(tab="failed")).ended == SPAN
