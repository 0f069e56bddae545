"""The tabs above a list of tickets, and where each leads from what the list shows."""

from counterfoil.filters import TicketFilter
from counterfoil.tabs import TABS

from .addresses import address

TABS_SHOWN = (
    "all", "pending", "delayed", "retrying", "running", "done", "errored", "expiring", "expired", "failed",
    "held",
)  # fmt: skip


def tab_addresses(wanted: TicketFilter) -> dict[str, str]:
    """Each tab's address with what else the filter asks; "expiring" is a page of its own."""
    here = address("tickets")
    # What narrows the list is written twice, not for each tab: a span of time goes with final states alone.
    of_all, of_final = wanted.query(tab="all"), wanted.query(tab="done").removeprefix("tab=done").lstrip("&")
    found = {}
    for tab in TABS_SHOWN:
        fields = ("" if tab == "all" else f"tab={tab}", of_final if TABS[tab].is_final else of_all)
        query = "&".join(filter(None, fields))
        found[tab] = f"{here}?{query}" if query else here
    return found | {"expiring": address("expiring")}
