"""`counterfoil trail`: who did what, when and why."""

import json
from datetime import datetime

import click
from sqlalchemy import select

from ..tables import TrailEntry
from .database import transaction
from .tables import table
from .text import without_params


@click.command()
@click.option("--ticket", type=int, metavar="ID", help="About this ticket, also when it was purged.")
@click.option("--operation", type=int, metavar="ID", help="Of this operation.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line, with what was before and after."
)
def trail(ticket: int | None, operation: int | None, limit: int, as_json: bool) -> None:
    """The latest entries of the trail, the newest last."""
    query = select(TrailEntry.__table__).order_by(TrailEntry.id.desc()).limit(limit)
    if ticket is not None:
        query = query.where(TrailEntry.ticket_id == ticket)
    if operation is not None:
        query = query.where(TrailEntry.operation_id == operation)
    with transaction() as connection:
        rows = [without_params(row) for row in connection.execute(query).mappings()][::-1]
    if as_json:
        for row in rows:
            made = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row.items()}
            click.echo(json.dumps(made, ensure_ascii=False))
        return
    shown = table("when", "who", "via", "did", "what", "why")
    for row in rows:
        what = f"ticket {row['ticket_id']}" if row["ticket_id"] else row["subject"] or ""
        why = f"refused: {row['refused']}" if row["refused"] else row["reason"] or ""
        shown.add(f"{row['at']:%Y-%m-%d %H:%M:%S}Z", row["actor"], row["via"], row["verb"], what, why)
    shown.show("nothing stands in the trail yet")
