"""`counterfoil keys`: a new key for encrypted params, and sealing again what has an old one."""

from datetime import UTC, datetime

import click

from .group import Stop


@click.group()
def keys() -> None:
    """Keys of encrypted params: make one, rotate to it."""


@keys.command()
@click.argument("key_id", required=False)
def new(key_id: str | None) -> None:
    """Print a new key as id:key; put it in front of COUNTERFOIL_ENCRYPTION_KEYS. Default id: today's date."""
    from ..keyring import KeysMakeNoSense, fresh

    try:
        click.echo(fresh(f"{datetime.now(UTC):%Y-%m-%d}" if key_id is None else key_id))
    except KeysMakeNoSense as error:
        raise Stop(str(error), 2) from None


@keys.command()
@click.option(
    "--chunk", type=click.IntRange(1, 10_000), default=500, show_default=True, help="In one transaction."
)
def rotate(chunk: int) -> None:
    """Seal again, with the current key, what is sealed with another one.

    Exit code 1 when some could not be opened, or were running or moving: run it again then.
    """
    from ..database import make_engine
    from ..host import load_host
    from ..keyring import KeyMissing
    from ..registry import registry
    from ..rotation import Rotated
    from ..rotation import rotate as take
    from ..schema import check
    from ..settings import read_settings
    from .database import me

    settings = read_settings()
    if settings.app:
        load_host(settings.app)  # its own encryptors
    engine, done, more = make_engine(settings.database_url), Rotated(), True
    try:
        check(engine)
        while more:
            with engine.begin() as connection:
                more = take(connection, registry, me(), done, chunk)
    except KeyMissing as error:
        raise Stop(str(error), 2) from None
    finally:
        engine.dispose()
    tickets = "ticket is" if done.sealed == 1 else "tickets are"
    click.echo(f"{done.sealed} {tickets} sealed with the current key")
    for why, number in sorted(done.unreadable.items()):
        click.echo(f"{number} could not be opened: {why}", err=True)
    if done.left:
        click.echo(f"{done.left} were running or moving: run this again", err=True)
    if done.left or done.unreadable:
        raise SystemExit(1)
