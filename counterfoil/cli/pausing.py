"""The commands pause and resume, the same for whatever can be paused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from .database import instant, me, moment, transaction


def pause_command(
    word: str, stands: str, does: str, pause: Callable[..., Any], why: bool = True
) -> click.Command:
    """`pause NAME --reason --until`; `stands` says where the reason will stand, `why` if one is needed."""

    @click.command("pause", help=does)
    @click.argument("name")
    @click.option("--reason", required=why, help=f"Why; it stands {stands}.")
    @click.option("--until", type=moment, metavar="TIME", help="Until then only; a time, or from now (2h).")
    def command(name: str, reason: str | None, until: datetime | timedelta | None) -> None:
        told = (reason or "").strip() or None
        if why and told is None:
            raise click.BadParameter("it is empty: say why", param_hint="'--reason'")
        with transaction() as connection:
            pause(connection, name, me(), told, instant(until))
        click.echo(f"the {word} {name} is paused")

    return command


def resume_command(
    word: str, does: str, resume: Callable[..., Any], after: Callable[[str], None] | None = None
) -> click.Command:
    """`resume NAME --reason`; `after` is called with the name when it has committed."""

    @click.command("resume", help=does)
    @click.argument("name")
    @click.option("--reason", help="Why; for the trail.")
    def command(name: str, reason: str | None) -> None:
        with transaction() as connection:
            resume(connection, name, me(), reason)
        if after is not None:
            after(name)
        click.echo(f"the {word} {name} goes on")

    return command
