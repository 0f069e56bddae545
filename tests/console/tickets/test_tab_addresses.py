"""Where the tabs above a list lead: to the same list in another tab, by the filter's own address."""

import pytest
from flask import Flask

from console.tabs_shown import TABS_SHOWN, tab_addresses
from counterfoil.filters import TicketFilter


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tab=done",
        "tab=errored&queue=mail&q=label:A-1 and not error:x",
        "tab=failed&ended=2026-03-01T02:00:00Z..2026-03-01T02:15:00Z",
        "view=Order.ship&batch=3&window=7d",
    ],
)
def test_a_tab_leads_to_what_the_filter_writes_with_it(console: Flask, address: str) -> None:
    wanted = TicketFilter.parse(address)
    with console.test_request_context("/"):
        found = tab_addresses(wanted)
    assert list(found) == list(TABS_SHOWN)
    assert found.pop("expiring") == "/expiring"
    for tab, there in found.items():
        assert there.partition("?")[2] == wanted.query(tab=tab), tab
