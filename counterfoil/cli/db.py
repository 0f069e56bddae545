"""`counterfoil db`: the schema."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine


@contextmanager
def _engine() -> Iterator[Engine]:
    from ..database import make_engine
    from ..settings import read_settings

    made = make_engine(read_settings().database_url)
    try:
        yield made
    finally:
        made.dispose()


@click.group()
def db() -> None:
    """The schema: upgrade, check, or print it as SQL. Only this product's own tables are touched."""


@db.command()
def upgrade() -> None:
    """Bring DATABASE_URL to the schema that this version needs."""
    from .. import schema

    with _engine() as engine:
        before = schema.check_not_newer(engine)
        schema.upgrade(engine)
    after = schema.head()
    click.echo(
        f"the schema is at revision {after}" + ("" if before == after else f" (was: {before or 'none'})")
    )


@db.command()
def check() -> None:
    """Say whether the schema is the one that this version needs; exit code 2 if not."""
    from .. import schema

    with _engine() as engine:
        schema.check(engine)
    click.echo(f"the schema is at revision {schema.head()}, as this version needs it")


@db.command()
@click.argument("dialect", type=click.Choice(["postgresql", "sqlite"]), required=False)
def sql(dialect: str | None) -> None:
    """Print the migrations as SQL, for those who run it by hand; default: for DATABASE_URL's dialect."""
    from .. import schema
    from ..settings import read_settings

    url = read_settings().database_url
    schema.sql(dialect or ("sqlite" if url.startswith("sqlite") else "postgresql"))
