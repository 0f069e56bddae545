"""What `counterfoil up` needs done before it starts anything, in a process that ends and leaves no memory."""

import json

import click

from .siblings import load


@click.command(hidden=True)
def prepare() -> None:
    """Migrate; print {"link": ...}: the first administrator's one-time link while there is no user."""
    from ..database import make_engine
    from ..schema import upgrade
    from ..settings import read_settings

    settings = read_settings()
    engine = make_engine(settings.database_url)
    upgrade(engine)
    people = load("console", "people")
    with engine.begin() as connection:
        token = people.first_admin_link(connection)
    engine.dispose()
    link = f"{(settings.url or '').rstrip('/')}/first-entry/{token}" if token else None
    click.echo(json.dumps({"link": link}))
