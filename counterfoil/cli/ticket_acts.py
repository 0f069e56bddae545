"""The acts of the buttons as commands, made from the table of moves."""

from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import Connection, func, select

from ..acts import Refused, act
from ..moves import MOVES
from ..priority import PRIORITIES
from ..ticket import Ticket
from .database import instant, me, moment, ring, transaction

_EXTRA: dict[str, Any] = {
    "extend": click.option(
        "--expires", "expires_at", type=moment, metavar="TIME", help="The new deadline; none without."
    ),
    "keep": click.option(
        "--until", type=moment, metavar="TIME", help="Keep until then; as evidence, for ever, without."
    ),
    "reschedule": click.option(
        "--at", type=moment, metavar="TIME", required=True, help="Due then; a time, or from now."
    ),
    "reprioritise": click.option("--priority", type=click.Choice([*PRIORITIES]), required=True),
    "move": click.option("--queue", required=True),
    "stop": click.option("--hold", is_flag=True, help="Hold it afterwards, until somebody releases it."),
}


def command_of(verb: str) -> click.Command:
    """The command that does this verb on the tickets named; exit code 1 when one of them refuses."""

    @click.argument("ticket_ids", type=int, nargs=-1, required=True, metavar="ID...")
    @click.option("--reason", required=MOVES[verb].needs_reason, help="Why; it stands in the trail.")
    def command(ticket_ids: tuple[int, ...], reason: str | None, **arguments: Any) -> None:
        given: dict[str, Any] = {
            name: instant(value) if isinstance(value, datetime | timedelta) else value
            for name, value in arguments.items()
        }
        refused, queues = 0, set()
        for ticket_id in ticket_ids:
            try:
                with transaction() as connection:
                    done = act(connection, verb, ticket_id, me(), reason=reason, **given)
                    queues |= _queue(connection, ticket_id)
                click.echo(f"ticket {ticket_id}: {verb} done, it was {done.before_state}, it is {done.state}")
            except Refused as refusal:
                refused += 1
                click.echo(f"counterfoil: {refusal}", err=True)
        ring(queues)
        if refused:
            raise click.exceptions.Exit(1)

    summary = MOVES[verb].summary
    named = _EXTRA.get(verb, lambda plain_command: plain_command)(command)
    return click.command(verb, help=f"{summary[0].upper()}{summary[1:]}.")(named)


def _queue(connection: Connection, ticket_id: int) -> set[str]:
    pending = select(Ticket.queue).where(Ticket.id == ticket_id, Ticket.state == "pending")
    found = connection.execute(pending.where(func.coalesce(Ticket.turn, False))).scalar()
    return {found} if found else set()
