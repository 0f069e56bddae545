"""`counterfoil tickets undo`: takes back the last act on a ticket."""

import click

from ..acts import Refused
from ..undo import last_undoable
from ..undo import undo as take_back
from .database import me, transaction


@click.command()
@click.argument("ticket_ids", type=int, nargs=-1, required=True, metavar="ID...")
@click.option("--reason", help="Why; it stands in the trail.")
def undo(ticket_ids: tuple[int, ...], reason: str | None) -> None:
    """Back to what the last act on it left, as long as it has not moved since."""
    refused = 0
    for ticket_id in ticket_ids:
        try:
            with transaction() as connection:
                entry = last_undoable(connection, ticket_id)
                if entry is None:
                    raise Refused(
                        f"ticket {ticket_id}: no act stands in the trail that could be undone", "gone"
                    )
                done = take_back(connection, entry, me(), reason=reason)
            click.echo(f"ticket {ticket_id}: undone, it was {done.before_state}, it is {done.state}")
        except Refused as refusal:
            refused += 1
            click.echo(f"counterfoil: {refusal}", err=True)
    if refused:
        raise click.exceptions.Exit(1)
