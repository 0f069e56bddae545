"""`counterfoil notices`: messages that were given up, and sending them again."""

import click

from ..notice_acts import given_up
from ..notice_acts import send_again as again
from .database import me, transaction
from .tables import table


@click.group()
def notices() -> None:
    """Notices that were given up: list, send-again."""


@notices.command("list")
def list_() -> None:
    """Each with whom it should have reached, and why it did not; latest first (UTC)."""
    with transaction() as connection:
        rows = given_up(connection)
    shown = table("notice", "given up", "to", "by", "about", "why")
    for row in rows:
        about = f"batch {row.batch_id}" if row.batch_id else f"ticket {row.ticket_id}"
        shown.add(
            str(row.id), f"{row.failed_at:%Y-%m-%d %H:%M}Z", row.person, row.channel, about, row.error or ""
        )
    shown.show("none was given up")


@notices.command("send-again")
@click.argument("ids", metavar="ID...", type=int, nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All that `notices list` shows.")
@click.option("--reason", help="Why; for the trail.")
def send_again(ids: tuple[int, ...], all_: bool, reason: str | None) -> None:
    """Have them sent by the scheduler's postman, with all their attempts again."""
    if bool(ids) == all_:
        raise click.UsageError("name notices by their numbers, or give --all")
    with transaction() as connection:
        number = again(connection, ids or [row.id for row in given_up(connection)], me(), reason)
    click.echo(f"{number} to be sent again")
