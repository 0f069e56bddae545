"""`counterfoil schedules`: recurring tickets; pause, resume and run one now."""

from datetime import datetime, timedelta

import click
from sqlalchemy import select

from ..clock import stamp
from ..planting import upcoming
from ..schedule_acts import pause_schedule, resume_schedule, run_now
from ..tables import ScheduleRecord
from ..ticket import Ticket
from .database import instant, me, moment, ring, transaction
from .tables import table


@click.group()
def schedules() -> None:
    """Recurring tickets: list, pause, resume, run-now."""


@schedules.command("list")
def list_() -> None:
    """Each schedule with its next fire (UTC) and its latest ticket."""
    with transaction() as connection:
        now: datetime = connection.execute(select(stamp())).scalar_one()
        found = connection.execute(select(ScheduleRecord.__table__).order_by(ScheduleRecord.name)).fetchall()
    shown = table("schedule", "cron", "zone", "plants", "next", "last ticket", "paused")
    for row in found:
        why = f"by {row.paused_by or '?'}" + (f": {row.paused_reason}" if row.paused_reason else "")
        following = "".join(f"{fire:%Y-%m-%d %H:%M}Z" for fire in upcoming(row, now, 1))
        plants = f"{row.opens}, one per result" if row.opens else row.view_model
        last = str(row.last_ticket_id or "")
        paused = row.paused and (row.paused_until is None or row.paused_until > now)
        shown.add(row.name, row.cron, row.zone, plants, following, last, why if paused else "")
    shown.show("no schedule yet: the application declares them, and workers write them when they start")


@schedules.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands beside the schedule.")
@click.option("--until", type=moment, metavar="TIME", help="Until then only; a time, or from now (2h).")
def pause(name: str, reason: str, until: datetime | timedelta | None) -> None:
    """Let its fires pass; they are not caught up."""
    with transaction() as connection:
        pause_schedule(connection, name, me(), reason, instant(until))
    click.echo(f"the schedule {name} is paused")


@schedules.command()
@click.argument("name")
@click.option("--reason", help="Why; for the trail.")
def resume(name: str, reason: str | None) -> None:
    """Fire again, from the next time on."""
    with transaction() as connection:
        resume_schedule(connection, name, me(), reason)
    click.echo(f"the schedule {name} goes on")


@schedules.command("run-now")
@click.argument("name")
@click.option("--reason", help="Why; for the trail.")
def run_now_(name: str, reason: str | None) -> None:
    """Plant its ticket at once, besides its fires."""
    with transaction() as connection:
        ticket_id = run_now(connection, name, me(), reason)
        queue = connection.execute(select(Ticket.queue).where(Ticket.id == ticket_id)).scalar()
    ring({queue} if queue else set())
    click.echo(f"ticket {ticket_id} is opened")
