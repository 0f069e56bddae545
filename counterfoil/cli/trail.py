"""`counterfoil trail`: who did what, when and why."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from sqlalchemy import select

from ..tables import TrailEntry
from .database import moment, transaction
from .tables import table
from .text import without_params


def _time(given: str) -> datetime:
    at = moment(given)
    return datetime.now(UTC) - at if isinstance(at, timedelta) else at


@click.command()
@click.option("--ticket", "ticket_id", type=int, metavar="ID", help="About this ticket, purged ones too.")
@click.option("--operation", "operation_id", type=int, metavar="ID", help="Of this operation.")
@click.option("--who", "actor", help="Whose acts: the name as the trail has it.")
@click.option("--verb", help="Which act.")
@click.option(
    "--what", "subject", help="What is no ticket: 'queue mail', 'operation 7', 'errors <fingerprint>'."
)
@click.option("--since", type=_time, metavar="TIME", help="From then on; a time, or so long ago (2h).")
@click.option("--until", type=_time, metavar="TIME", help="Before then.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@click.option("--before", type=int, metavar="ENTRY", help="Older than this entry: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line, with what was before and after."
)
def trail(
    since: datetime | None,
    until: datetime | None,
    refused: bool,
    before: int | None,
    limit: int,
    as_json: bool,
    **fields: Any,
) -> None:
    """The latest entries of the trail, the newest last."""
    query = select(TrailEntry.__table__).order_by(TrailEntry.id.desc()).limit(limit)
    for name, value in fields.items():
        if value is not None:
            query = query.where(getattr(TrailEntry, name) == value)
    if since is not None:
        query = query.where(TrailEntry.at >= since)
    if until is not None:
        query = query.where(TrailEntry.at < until)
    if before is not None:
        query = query.where(TrailEntry.id < before)
    if refused:
        query = query.where(TrailEntry.refused.is_not(None))
    with transaction() as connection:
        rows = [without_params(row) for row in connection.execute(query).mappings()][::-1]
    if as_json:
        for row in rows:
            made = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row.items()}
            click.echo(json.dumps(made, ensure_ascii=False))
        return
    shown = table("entry", "when", "who", "via", "did", "what", "why")
    for row in rows:
        what = f"ticket {row['ticket_id']}" if row["ticket_id"] else row["subject"] or ""
        why = f"refused: {row['refused']}" if row["refused"] else row["reason"] or ""
        when = f"{row['at']:%Y-%m-%d %H:%M:%S}Z"
        shown.add(str(row["id"]), when, row["actor"], row["via"], row["verb"], what, why)
    shown.show("nothing in the trail fits")
