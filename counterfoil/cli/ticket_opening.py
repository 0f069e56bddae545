"""`counterfoil tickets open`: a ticket by the command line, without the application."""

import json
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import insert, select

from ..options import columns_of
from ..priority import PRIORITIES
from ..ticket import Ticket
from .database import me, moment, ring, transaction
from .group import CONFIGURATION, Stop
from .text import plain

ROOT_ID = 400


@click.command("open")
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
