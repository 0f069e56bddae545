"""`counterfoil operations`: one verb on many tickets; the same code as the buttons, the scheduler acts."""

import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Connection, select

from .. import operations as core
from .. import pace
from ..tables import Operation, OperationItem
from .database import me, transaction
from .group import CONFIGURATION, Stop
from .tables import table
from .text import plain

operation_argument = click.argument("operation_id", type=int, metavar="ID")
reason_option = click.option("--reason", help="Why; it stands in the trail.")
_COUNTS = ("matched", "changed", "skipped", "failed")


@click.group()
def operations() -> None:
    """Operations: list, show, ask, start, go-on, stop, undo."""


@operations.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(limit: int, as_json: bool) -> None:
    """The newest first."""
    with transaction() as connection:
        newest = select(Operation.__table__).order_by(Operation.id.desc()).limit(limit)
        rows = connection.execute(newest).all()
    if as_json:
        for row in rows:
            click.echo(json.dumps(_told(row), ensure_ascii=False))
        return
    shown = table("id", "verb", "state", *_COUNTS, "by", "reason")
    for row in rows:
        verb = f"undo of {row.undo_of}" if row.undo_of else row.verb
        state = f"{row.state} ({row.phase})" if row.phase and row.state == "started" else row.state
        counts = [str(getattr(row, name)) for name in _COUNTS]
        shown.add(str(row.id), verb, state, *counts, row.started_by or row.asked_by, row.reason or "")
    shown.show("no operation yet")


@operations.command()
@operation_argument
@click.option("--results", type=click.IntRange(0, 100_000), default=0, help="So many of its tickets, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(operation_id: int, results: int, as_json: bool) -> None:
    """One operation: its preview or progress, its canary, what became of its tickets."""
    with transaction() as connection:
        row = connection.execute(select(Operation.__table__).where(Operation.id == operation_id)).first()
        if row is None:
            raise Stop(f"there is no operation {operation_id}: see `counterfoil operations list`")
        canary = pace.outcomes(connection, row) if row.canary else []
        of = select(OperationItem.__table__).where(OperationItem.operation_id == operation_id)
        items = connection.execute(of.order_by(OperationItem.ticket_id).limit(results)).all()
    told = _told(row)
    if as_json:
        told["canary"] = [vars(outcome) for outcome in canary]
        told["tickets"] = [_told(item) for item in items]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for name, value in told.items():
        if value is not None and name not in ("submit_token", "canary", "ids"):
            click.echo(f"{name:<18} {plain(value, 2000)}")
    for outcome in canary:
        word = {True: "done", False: "not done", None: "to come"}[outcome.succeeded]
        click.echo(f"canary {outcome.ticket_id:<11} {word} {plain(outcome.why)}")
    for item in items:
        click.echo(f"ticket {item.ticket_id:<11} {item.result or 'to come'} {plain(item.reason)}")


@operations.command(
    help="Ask for a preview of VERB on the tickets named, or on all that match --filter.\n\n"
    f"VERB: {', '.join(core.VERBS[:-1])} or {core.VERBS[-1]}."
)
@click.argument("verb", type=click.Choice(core.VERBS), metavar="VERB")
@click.argument("ticket_ids", type=int, nargs=-1, metavar="[ID...]")
@click.option(
    "--filter", "query", help="A filter as it stands in the list's address: 'tab=errored&queue=mail'."
)
def ask(verb: str, ticket_ids: tuple[int, ...], query: str | None) -> None:
    if (query is None) != bool(ticket_ids):
        raise Stop("name tickets, or give --filter: one of the two", CONFIGURATION)
    with transaction() as connection:
        token = secrets.token_urlsafe(24)
        made = core.ask(connection, verb, me(), token, query=query, ids=ticket_ids or None)
    click.echo(f"operation {made} is asked for: `counterfoil operations show {made}` tells its preview")


@operations.command()
@operation_argument
@click.option("--expected", type=int, required=True, help="The number of tickets that its preview told.")
@click.option("--pace", type=click.Choice(core.PACES), help="Above 500 tickets that run: canary, else all.")
@reason_option
def start(operation_id: int, expected: int, pace: str | None, reason: str | None) -> None:
    """Start a previewed one."""
    _do(lambda connection: core.start(connection, operation_id, me(), reason, expected, pace))
    click.echo(f"operation {operation_id} is started")


@operations.command("go-on")
@operation_argument
@click.option("--all", "at_once", is_flag=True, help="All at once, without a pace.")
@reason_option
def go_on(operation_id: int, at_once: bool, reason: str | None) -> None:
    """Do not wait for the canary; against its verdict with a reason."""
    _do(lambda connection: core.go_on(connection, operation_id, me(), reason, at_once))
    click.echo(f"operation {operation_id} goes on")


@operations.command()
@operation_argument
def stop(operation_id: int) -> None:
    """No further ticket."""
    _do(lambda connection: core.stop(connection, operation_id, me()))
    click.echo(f"operation {operation_id} takes no further ticket")


@operations.command()
@operation_argument
@reason_option
def undo(operation_id: int, reason: str | None) -> None:
    """Put back what it changed and what has not moved since."""
    made = _do(lambda connection: core.undo(connection, operation_id, me(), reason))
    click.echo(f"operation {made} takes back operation {operation_id}")


def _do(call: Callable[[Connection], Any]) -> Any:
    with transaction() as connection:
        return call(connection)


def _told(row: Any) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row._mapping.items()}
