"""`counterfoil schedules`: recurring tickets; pause, resume and run one now."""

from datetime import datetime

import click
from sqlalchemy import select

from ..clock import stamp
from ..planting import upcoming
from ..schedule_acts import pause_schedule, resume_schedule, run_now
from ..tables import ScheduleRecord
from ..ticket import Ticket
from .database import me, ring, transaction
from .pausing import pause_command, resume_command
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


schedules.add_command(
    pause_command(
        "schedule", "beside the schedule", "Let its fires pass; they are not caught up.", pause_schedule
    )
)
schedules.add_command(resume_command("schedule", "Fire again, from the next time on.", resume_schedule))
