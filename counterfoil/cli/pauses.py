"""`counterfoil pauses`: everything that is paused, in one list."""

import click
from sqlalchemy import select

from ..columns import utc_text
from ..tables import Queue, ScheduleRecord, ViewModelRecord
from .database import transaction
from .tables import table


@click.command()
def pauses() -> None:
    """What is paused now: queues, view models and schedules, by whom, since and until when, why."""
    shown = table("what", "name", "by", "since (UTC)", "until (UTC)", "why")
    with transaction() as connection:
        for word, of in (("queue", Queue), ("view model", ViewModelRecord), ("schedule", ScheduleRecord)):
            columns = (of.name, of.paused_by, of.paused_at, of.paused_until, of.paused_reason)
            for row in connection.execute(select(*columns).where(of.paused).order_by(of.name)):
                since, until = (utc_text(at)[:19] if at else "" for at in (row.paused_at, row.paused_until))
                shown.add(word, row.name, row.paused_by or "?", since, until, row.paused_reason or "")
    shown.show("nothing is paused")
