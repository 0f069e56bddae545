"""`counterfoil tickets`: list, show, open, and the acts of the buttons - the same code, the same trail."""

import json
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import Connection, func, insert, select

from ..acts import Refused, act
from ..clock import stamp
from ..filters import FilterError, TicketFilter
from ..keyset import ordering
from ..moves import MOVES, SINGLE_ACTS
from ..options import columns_of
from ..priority import PRIORITIES
from ..tables import Attempt, TrailEntry
from ..tabs import TABS, WINDOWS
from ..ticket import Ticket
from .database import instant, me, moment, ring, transaction
from .group import CONFIGURATION, Stop
from .tables import table
from .text import plain

ROOT_ID = 400


@click.group()
def tickets() -> None:
    """Tickets: list, show, open, and act on them."""


@tickets.command("list")
@click.option("--tab", type=click.Choice([*TABS]), default="all", show_default=True)
@click.option("--queue")
@click.option("--view", help="The view model's name.")
@click.option("--root", help="The root's id, for example 'Customer!42'.")
@click.option("--text", "q", help="A part of id, root, label, token, view model or error.")
@click.option("--window", type=click.Choice([*WINDOWS]), default="24h", help="For expiring and leaving.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(limit: int, as_json: bool, **fields: str | None) -> None:
    """The first tickets of a view, in its order."""
    try:
        wanted = TicketFilter.parse([(name, value) for name, value in fields.items() if value])
    except FilterError as error:
        raise Stop(str(error), CONFIGURATION) from None
    columns = [getattr(Ticket, name) for name in _LISTED]
    with transaction() as connection:
        now: datetime = connection.execute(select(stamp())).scalar_one()
        rows: list[Any] = []
        for scan in wanted.scans(now):
            query = (
                select(*columns).where(scan.where).order_by(*ordering(scan.order)).limit(limit - len(rows))
            )
            rows += connection.execute(query).all() if len(rows) < limit else []
    if as_json:
        for row in rows:
            click.echo(json.dumps(_json(dict(row._mapping)), ensure_ascii=False))
        return
    shown = table("id", "state", "view model", "root", "queue", "attempts", "due", "error")
    for row in rows:
        tried = f"{row.attempts}/{row.max_attempts}"
        root = f"{row.root_label} ({row.root_id})" if row.root_label else row.root_id or ""
        due = f"{row.due_at:%Y-%m-%d %H:%M:%S}Z"
        why = plain(row.error, 60)
        shown.add(str(row.id), row.state, row.view_model, root, row.queue or "", tried, due, why)
    shown.show("no ticket in this view")


_LISTED = (
    "id", "state", "view_model", "root_id", "root_label", "queue", "priority", "attempts", "max_attempts",
    "due_at", "opened_at", "done", "error_kind", "error",
)  # fmt: skip
_SECRET = ("params", "token", "idempotence_token", "fence")
"""Not shown: params may hold what a terminal's history should not, and the token opens the waiting page."""


@tickets.command()
@click.argument("ticket_id", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True)
def show(ticket_id: int, as_json: bool) -> None:
    """One ticket with its attempts and its trail."""
    with transaction() as connection:
        found = (
            connection.execute(select(Ticket.__table__).where(Ticket.id == ticket_id))
            .mappings()
            .one_or_none()
        )
        past = select(TrailEntry.__table__).where(TrailEntry.ticket_id == ticket_id).order_by(TrailEntry.id)
        trail = [dict(row) for row in connection.execute(past).mappings()]
        tried = select(Attempt.__table__).where(Attempt.ticket_id == ticket_id).order_by(Attempt.id)
        attempts = [dict(row) for row in connection.execute(tried).mappings()]
    if found is None:
        was = (
            " It was purged; its trail is left." if trail else " It was never opened here, or it was purged."
        )
        raise Stop(f"there is no ticket {ticket_id}.{was}")
    fields = _json({name: value for name, value in found.items() if name not in _SECRET})
    if as_json:
        whole = {**fields, "attempts_made": [*map(_json, attempts)], "trail": [*map(_json, trail)]}
        click.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    for name, value in fields.items():
        if value is not None:
            click.echo(f"{name:<22} {plain(value, 2000)}")
    for row in attempts:
        click.echo(
            f"attempt {row['claim']:<14} {row['outcome']} {row['ended_at']:%F %T}Z {plain(row['error'])}"
        )
    for row in trail:
        why = f": {plain(row['reason'])}" if row["reason"] else ""
        click.echo(f"{row['at']:%F %T}Z   {row['verb']} by {plain(row['actor'])} ({row['via']}){why}")


@tickets.command("open")
@click.argument("view_model")
@click.option("--root", metavar="ROOT_ID", help="The root's id, for example 'Customer!42'.")
@click.option("--param", "params", multiple=True, metavar="NAME=JSON", help="A param; repeat it for more.")
@click.option("--queue")
@click.option("--priority", type=click.Choice([*PRIORITIES]))
@click.option("--earliest", type=moment, metavar="TIME", help="Not before then; a time, or from now (5m).")
@click.option("--expires", type=moment, metavar="TIME", help="No longer needed after then.")
@click.option("--hold", "staged", is_flag=True, help="Open it held.")
def open_(
    view_model: str,
    root: str | None,
    params: tuple[str, ...],
    earliest: datetime | timedelta | None,
    expires: datetime | timedelta | None,
    **options: Any,
) -> None:
    """Open a ticket for a registered view model, without the application."""
    if root is not None and (len(root) > ROOT_ID or "!" not in root):
        raise Stop(f"--root {plain(root)!r}: a root's id is its class and key, for example 'Customer!42'", 2)
    try:
        values = columns_of(
            view_model=view_model,
            params=_params(params),
            execute_earliest=earliest,
            expires_at=expires,
            **options,
        )
    except (ValueError, TypeError) as error:
        raise Stop(str(error), CONFIGURATION) from None
    values |= {"opened_via": "cli", "opened_by": me().name} | ({"root_id": root} if root else {})
    with transaction() as connection:
        made = connection.execute(insert(Ticket.__table__).values(values).returning(Ticket.id)).scalar_one()  # type: ignore[arg-type]
        row = connection.execute(select(Ticket.queue, Ticket.aside).where(Ticket.id == made)).one()
    ring({row.queue} if row.queue else set())
    unknown = " (it waits: no worker has registered this view model yet)" if row.aside == "unknown" else ""
    click.echo(f"ticket {made} is opened{unknown}")


def _params(given: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise Stop(
                f"--param {plain(pair)!r}: write NAME=JSON, for example --param count=3", CONFIGURATION
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            raise Stop(
                f"--param {name}: {plain(value)!r} is not JSON; text needs quotes: --param '{name}=\"text\"'",
                CONFIGURATION,
            ) from None
    return found


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}


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


def _command(verb: str) -> click.Command:
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


for _verb in SINGLE_ACTS:
    tickets.add_command(_command(_verb))
