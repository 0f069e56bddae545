"""`counterfoil users`: who may use the console; the same code as its users page."""

from typing import Any

import click
from sqlalchemy import select

from ..settings import read_settings
from ..tables import User
from .database import transaction
from .group import Stop
from .siblings import load

role_names = click.Choice(["viewer", "operator", "admin"])


def _people(call: str, *arguments: Any) -> Any:
    people = load("console", "people")
    try:
        with transaction() as connection:
            return getattr(people, call)(connection, *arguments)
    except people.Unfit as unfit:
        raise Stop(str(unfit)) from None


def _show_link(token: str) -> None:
    url = read_settings().url
    click.echo("a link for setting a password, good for 24 hours and for one use:")
    click.echo(f"{(url or 'http://127.0.0.1:8020').rstrip('/')}/first-entry/{token}")
    if not url:
        click.echo("the address is the default one: set COUNTERFOIL_URL if the console has another", err=True)


@click.group()
def users() -> None:
    """Who may use the console, and as what."""


@users.command("list")
def list_() -> None:
    """Everybody, with roles."""
    with transaction() as connection:
        rows = connection.execute(
            select(User.name, User.role, User.off, User.signed_in_at).order_by(User.name)
        )
        for row in rows:
            seen = f"{row.signed_in_at:%Y-%m-%d %H:%M}Z" if row.signed_in_at else "never"
            click.echo(f"{row.name}  {row.role}{'  switched off' if row.off else ''}  signed in: {seen}")


@users.command()
@click.argument("name")
@click.option("--role", type=role_names, default="viewer", show_default=True)
def add(name: str, role: str) -> None:
    """Add a user; prints the link by which they set a password."""
    _show_link(_people("add_user", name, role))


@users.command()
@click.argument("name", required=False)
def link(name: str | None) -> None:
    """A new link for NAME, or for the first administrator while there is none."""
    token = (
        _people("new_link", name)
        if name
        else _people("first_admin_link", load("console", "people").COMMAND_LINE)
    )
    if token is None:
        raise Stop("there is an administrator already: name the user that the link is for")
    _show_link(token)


@users.command()
@click.argument("name")
@click.argument("role", type=role_names)
def role(name: str, role: str) -> None:
    """Give a user another role."""
    _people("set_role", name, role)
    click.echo(f"{name} is {role} now")


@users.command()
@click.argument("name")
def off(name: str) -> None:
    """Switch a user off: sessions and links end at once."""
    _people("switch_off", name)
    click.echo(f"{name} is switched off")


@users.command()
@click.argument("name")
def on(name: str) -> None:
    """Switch a user on again."""
    _people("switch_on", name)
    click.echo(f"{name} may sign in again")
