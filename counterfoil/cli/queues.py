"""`counterfoil queues`: what waits in them; pause and resume; how many run at once."""

import click
from sqlalchemy import select, text

from ..acts import Refused
from ..clock import MOMENT
from ..pauses import pause_queue, resume_queue
from ..queue_sizes import set_size
from ..tables import Queue
from .database import me, ring, transaction
from .pausing import pause_command, resume_command
from .tables import table


@click.group()
def queues() -> None:
    """Queues: list, pause, resume, pool-size."""


@queues.command("list")
def list_() -> None:
    """Each queue with what is due and runs in it."""
    with transaction() as connection:
        now = MOMENT[connection.dialect.name]
        rows = connection.execute(
            text(
                f"SELECT q.name, q.pool_size, q.paused, q.paused_by, q.paused_reason, "
                f"(SELECT count(*) FROM counterfoil_tickets t WHERE t.queue = q.name AND t.state = 'pending' "
                f"AND t.due_at <= {now}) AS due, "
                "(SELECT count(*) FROM counterfoil_tickets t WHERE t.queue = q.name "
                "AND t.state = 'running') AS running FROM counterfoil_queues q ORDER BY q.name"
            )
        ).fetchall()
    shown = table("queue", "due", "running", "pool", "paused")
    for row in rows:
        why = f"by {row.paused_by or '?'}" + (f": {row.paused_reason}" if row.paused_reason else "")
        pool = "as needed" if row.pool_size is None else str(row.pool_size)
        shown.add(row.name, str(row.due), str(row.running), pool, why if row.paused else "")
    shown.show("no queue yet: one exists when a worker or a view model names it")


@queues.command("pool-size")
@click.argument("name")
@click.argument("size", metavar="SIZE|none")
@click.option("--wait", type=int, metavar="SECONDS", help="How long one may wait before the queue is behind.")
@click.option("--reason", help="Why; for the trail.")
def pool_size(name: str, size: str, wait: int | None, reason: str | None) -> None:
    """Run at most SIZE of this queue at once, on all machines together; none for no limit."""
    if size != "none" and not (size.isascii() and size.isdigit() and len(size) < 8):
        raise click.BadParameter(f"{size!r} is neither a number nor none")
    with transaction() as connection:
        known = select(Queue.target_wait_seconds).where(Queue.name == name)
        wanted = wait if wait is not None else connection.execute(known).scalar()
        if wanted is None:
            raise Refused(f"there is no queue {name!r}: `counterfoil queues list` shows them", "gone")
        most = None if size == "none" else int(size)
        set_size(connection, name, me(), pool_size=most, target_wait_seconds=wanted, reason=reason)
    ring({name})
    told = "as many as there are workers" if most is None else str(most)
    click.echo(f"the queue {name} runs {told} at once")


queues.add_command(
    pause_command(
        "queue",
        "on every ticket that waits for it",
        "Start nothing more of this queue; what runs is finished.",
        pause_queue,
        why=False,
    )
)
queues.add_command(resume_command("queue", "Go on.", resume_queue, lambda name: ring({name})))
