"""`counterfoil view-models`: what workers have registered; pause, resume, route."""

import secrets

import click
from sqlalchemy import select

from ..clock import moment as database_moment
from ..pauses import pause_view_model, resume_view_model
from ..routes import route_view_model
from ..tables import ViewModelRecord
from .database import me, transaction
from .pausing import pause_command, resume_command
from .tables import table


@click.group()
def view_models() -> None:
    """View models: list, pause, resume, route."""


@view_models.command("list")
def list_() -> None:
    """Each view model, where its tickets go, and whether it is paused or known to no live worker."""
    record = ViewModelRecord
    here = (record.known_until > database_moment()).label("here")
    shown = table("view model", "sort", "queue", "version", "known", "paused")
    with transaction() as connection:
        for row in connection.execute(select(record.__table__, here).order_by(record.name)):
            queue = f"{row.route} (routed from {row.queue})" if row.route else row.queue
            why = f"by {row.paused_by or '?'}" + (f": {row.paused_reason}" if row.paused_reason else "")
            known = "yes" if row.here else "to no live worker"
            shown.add(row.name, row.sort, queue, row.app_version or "", known, why if row.paused else "")
    shown.show("no view model yet: workers register theirs when they start")


@view_models.command()
@click.argument("name")
@click.argument("queue", required=False)
@click.option("--back", is_flag=True, help="Take the route back: the code's queue counts again.")
@click.option("--reason", help="Why; for the trail.")
def route(name: str, queue: str | None, back: bool, reason: str | None) -> None:
    """Let its tickets go to another QUEUE; what waits is moved by an operation that you then start."""
    if (queue is None) != back:
        raise click.UsageError("name the queue, or --back; one of the two")
    with transaction() as connection:
        token = secrets.token_urlsafe(24)
        operation = route_view_model(connection, name, me(), token, queue=queue, reason=reason)
    where = f"go to queue {queue}" if queue else "go where the code says"
    click.echo(f"tickets of {name} {where}; operation {operation} moves what waits: start it in the console")


view_models.add_command(
    pause_command(
        "view model",
        "on every ticket that waits for it",
        "Set its tickets aside; what runs is finished, others of their queues and lanes go on.",
        pause_view_model,
    )
)
view_models.add_command(
    resume_command(
        "view model", "Go on; the scheduler puts its tickets back, oldest first.", resume_view_model
    )
)
