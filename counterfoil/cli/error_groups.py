"""`counterfoil errors`: failures by cause, and what a person says of one."""

import json
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import select

from .. import group_words
from ..clock import stamp
from ..error_groups import latest_error
from ..tables import ErrorGroup, Traceback
from .database import instant, me, moment, transaction
from .group import CONFIGURATION, Stop
from .tables import table
from .text import plain

fingerprint_argument = click.argument("fingerprint")


@click.group()
def errors() -> None:
    """Errors by cause: list, show, acknowledge, mute, unmute."""


@errors.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(limit: int, as_json: bool) -> None:
    """The causes that most tickets are errored by first, the muted ones last."""
    with transaction() as connection:
        now: datetime = connection.execute(select(stamp())).scalar_one()
        order = (ErrorGroup.errored.desc(), ErrorGroup.last_seen_at.desc())
        rows = list(connection.execute(select(ErrorGroup.__table__).order_by(*order).limit(limit)))
    rows.sort(key=lambda row: group_words.is_muted(row, now))
    if as_json:
        for row in rows:
            click.echo(json.dumps(_told(row, now), ensure_ascii=False))
        return
    shown = table("fingerprint", "error", "place", "errored", "failures", "last seen", "says")
    for row in rows:
        says = "muted" if group_words.is_muted(row, now) else f"{row.acknowledged_by or ''} {row.note or ''}"
        seen = f"{row.last_seen_at:%Y-%m-%d %H:%M:%S}Z"
        counts = (str(row.errored), str(row.failures))
        shown.add(row.fingerprint, plain(row.error, 60), row.place or "", *counts, seen, says.strip())
    shown.show("nothing has failed")


@errors.command()
@fingerprint_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(fingerprint: str, as_json: bool) -> None:
    """One cause, with the traceback of its latest example."""
    with transaction() as connection:
        now: datetime = connection.execute(select(stamp())).scalar_one()
        found = select(ErrorGroup.__table__).where(ErrorGroup.fingerprint == fingerprint)
        row = connection.execute(found).first()
        if row is None:
            raise Stop(f"there is no group of errors {plain(fingerprint)}: see `counterfoil errors list`")
        text = connection.execute(select(Traceback.text).where(Traceback.id == row.traceback_id)).scalar()
        latest = latest_error(connection, row)
    told = _told(row, now) | {"latest_error": latest, "traceback": text}
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for name, value in told.items():
        if value is not None and name not in ("trend", "traceback"):
            click.echo(f"{name:<18} {plain(value, 2000)}")
    for line in (text or "").splitlines():
        click.echo(f"  {plain(line) if line.strip() else ''}")


@errors.command()
@fingerprint_argument
@click.option("--note", help="For whoever comes next.")
def acknowledge(fingerprint: str, note: str | None) -> None:
    """Say that somebody knows."""
    with transaction() as connection:
        group_words.acknowledge(connection, fingerprint, me(), note)
    click.echo(f"errors {fingerprint}: acknowledged")


@errors.command()
@fingerprint_argument
@click.option("--until", type=moment, metavar="TIME", help="Until then; a time, or from now (2h).")
@click.option("--failures", type=click.IntRange(1), help="Until it has failed so many times more.")
@click.option("--quiet", is_flag=True, help="Until an hour has passed without a failure.")
@click.option("--reason")
def mute(
    fingerprint: str,
    until: datetime | timedelta | None,
    failures: int | None,
    quiet: bool,
    reason: str | None,
) -> None:
    """Set it behind the others: --until, --failures or --quiet."""
    if (until is not None) + (failures is not None) + quiet != 1:
        raise Stop("say until when: one of --until, --failures, --quiet", CONFIGURATION)
    with transaction() as connection:
        end = instant(until)
        group_words.mute(connection, fingerprint, me(), end, reason, failures=failures, quiet=quiet)
    click.echo(f"errors {fingerprint}: muted")


@errors.command()
@fingerprint_argument
def unmute(fingerprint: str) -> None:
    """Back among the others."""
    with transaction() as connection:
        group_words.unmute(connection, fingerprint, me())
    click.echo(f"errors {fingerprint}: stands among the others again")


def _told(row: Any, now: datetime) -> dict[str, Any]:
    told = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row._mapping.items()}
    return told | {"muted": group_words.is_muted(row, now)}
