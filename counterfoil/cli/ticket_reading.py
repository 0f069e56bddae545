"""`counterfoil tickets list` and `show`."""

import json
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import click
from sqlalchemy import Connection, select

from ..clock import stamp
from ..filters import FilterError, TicketFilter
from ..keyset import ordering
from ..tables import Attempt, Queue, TrailEntry, ViewModelRecord
from ..tabs import TABS, WINDOWS
from ..ticket import Ticket
from .database import transaction
from .group import CONFIGURATION, Stop
from .tables import table
from .text import plain, without_params


@click.command("list")
@click.option("--tab", type=click.Choice([*TABS]), default="all", show_default=True)
@click.option("--queue")
@click.option("--view", help="The view model's name.")
@click.option("--root", help="The root's id, for example 'Customer!42'.")
@click.option("--text", "q", help="A search, as in the console: order A-8123, state:errored attempts:>2.")
@click.option("--window", type=click.Choice([*WINDOWS]), default="24h", help="For expiring and leaving.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(limit: int, as_json: bool, **fields: str | None) -> None:
    """The first tickets of a view, in its order."""
    try:
        wanted = TicketFilter.parse([(name, value) for name, value in fields.items() if value])
    except FilterError as error:
        raise Stop(str(error), CONFIGURATION) from None
    columns = [getattr(Ticket, name) for name in _LISTED]
    with transaction() as connection:
        now: datetime = connection.execute(select(stamp())).scalar_one()
        rows: list[Any] = []
        for scan in wanted.scans(now):
            query = (
                select(*columns).where(scan.where).order_by(*ordering(scan.order)).limit(limit - len(rows))
            )
            rows += connection.execute(query).all() if len(rows) < limit else []
        if not rows:
            _check_named(connection, wanted)
    if as_json:
        for row in rows:
            click.echo(json.dumps(_json(dict(row._mapping)), ensure_ascii=False))
        return
    shown = table("id", "state", "view model", "root", "queue", "attempts", "due", "error")
    for row in rows:
        tried = f"{row.attempts}/{row.max_attempts}"
        root = f"{row.root_label} ({row.root_id})" if row.root_label else row.root_id or ""
        due = f"{row.due_at:%Y-%m-%d %H:%M:%S}Z"
        why = plain(row.error, 60)
        shown.add(str(row.id), row.state, row.view_model, root, row.queue or "", tried, due, why)
    shown.show("no ticket in this view")


def _check_named(connection: Connection, wanted: TicketFilter) -> None:
    """An empty list may be a slip of the pen: Stop names the view model or queue that there is not."""
    for word, name, table_ in (("view model", wanted.view, ViewModelRecord), ("queue", wanted.queue, Queue)):
        known = list(connection.execute(select(table_.name).order_by(table_.name)).scalars()) if name else []
        if name and name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.4)
            told = (
                f"the nearest is {near[0]!r}" if near else f"there are: {', '.join(known[:20]) or 'none yet'}"
            )
            raise Stop(f"there is no {word} {name!r}, and no ticket of it; {told}")


_LISTED = (
    "id", "state", "view_model", "root_id", "root_label", "queue", "priority", "attempts", "max_attempts",
    "due_at", "opened_at", "done", "error_kind", "error",
)  # fmt: skip
_SECRET = ("params", "token", "idempotence_token", "fence")
"""Not shown: params may hold what a terminal's history should not, and the token opens the waiting page."""


@click.command()
@click.argument("ticket_id", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(ticket_id: int, as_json: bool) -> None:
    """One ticket with its attempts and its trail."""
    with transaction() as connection:
        found = (
            connection.execute(select(Ticket.__table__).where(Ticket.id == ticket_id))
            .mappings()
            .one_or_none()
        )
        past = select(TrailEntry.__table__).where(TrailEntry.ticket_id == ticket_id).order_by(TrailEntry.id)
        trail = [without_params(row) for row in connection.execute(past).mappings()]
        tried = select(Attempt.__table__).where(Attempt.ticket_id == ticket_id).order_by(Attempt.id)
        attempts = [dict(row) for row in connection.execute(tried).mappings()]
    if found is None:
        was = (
            " It was purged; its trail is left." if trail else " It was never opened here, or it was purged."
        )
        raise Stop(f"there is no ticket {ticket_id}.{was}")
    fields = _json({name: value for name, value in found.items() if name not in _SECRET})
    if as_json:
        whole = {**fields, "attempts_made": [*map(_json, attempts)], "trail": [*map(_json, trail)]}
        click.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    for name, value in fields.items():
        if value is not None:
            click.echo(f"{name:<22} {plain(value, 2000)}")
    for row in attempts:
        click.echo(
            f"attempt {row['claim']:<14} {row['outcome']} {row['ended_at']:%F %T}Z {plain(row['error'])}"
        )
    for row in trail:
        why = f": {plain(row['reason'])}" if row["reason"] else ""
        click.echo(f"{row['at']:%F %T}Z   {row['verb']} by {plain(row['actor'])} ({row['via']}){why}")


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}
