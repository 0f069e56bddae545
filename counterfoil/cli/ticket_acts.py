"""The acts of the buttons as commands, made from the table of moves."""

from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import Connection, func, select

from ..acts import Refused, act
from ..editing import EditUnfit, edited
from ..moves import MOVES
from ..priority import PRIORITIES
from ..ticket import Ticket
from .database import instant, me, moment, ring, transaction
from .group import CONFIGURATION, Stop

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
    "edit": click.option(
        "--param",
        "params",
        multiple=True,
        required=True,
        metavar="NAME=VALUE",
        help="The new value as text; its type stays. Repeat it for more.",
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
                    if verb == "edit":
                        given["params"] = _edited(connection, ticket_id, arguments["params"])
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


def _edited(connection: Connection, ticket_id: int, pairs: tuple[str, ...]) -> dict[str, Any]:
    found = {name: value for name, equals, value in (pair.partition("=") for pair in pairs) if equals}
    if len(found) != len(pairs):
        raise Stop("write --param NAME=VALUE, each name once, for example --param count=3", CONFIGURATION)
    stored = connection.execute(select(Ticket.params).where(Ticket.id == ticket_id)).scalar()
    try:
        return edited(stored, found)
    except EditUnfit as unfit:
        raise Refused(f"ticket {ticket_id}: {unfit}", "argument") from None


def _queue(connection: Connection, ticket_id: int) -> set[str]:
    pending = select(Ticket.queue).where(Ticket.id == ticket_id, Ticket.state == "pending")
    found = connection.execute(pending.where(func.coalesce(Ticket.turn, False))).scalar()
    return {found} if found else set()
