"""`counterfoil db`: the schema."""

import click


@click.group()
def db() -> None:
    """The schema: upgrade, check, or print it as SQL. Only this product's own tables are touched."""


@db.command()
def upgrade() -> None:
    """Bring DATABASE_URL to the schema that this version needs."""
    from .. import schema
    from ..database import driver_url, make_engine
    from ..settings import read_settings

    url = driver_url(read_settings().database_url)
    before = schema.check_not_newer(make_engine(url))
    schema.upgrade(make_engine(url))
    after = schema.head()
    click.echo(
        f"the schema is at revision {after}" + ("" if before == after else f" (was: {before or 'none'})")
    )


@db.command()
def check() -> None:
    """Say whether the schema is the one that this version needs; exit code 2 if not."""
    from .. import schema
    from ..database import make_engine
    from ..settings import read_settings

    schema.check(make_engine(read_settings().database_url))
    click.echo(f"the schema is at revision {schema.head()}, as this version needs it")


@db.command()
@click.argument("dialect", type=click.Choice(["postgresql", "sqlite"]), required=False)
def sql(dialect: str | None) -> None:
    """Print the migrations as SQL, for those who run it by hand; default: for DATABASE_URL's dialect."""
    from .. import schema
    from ..settings import read_settings

    url = read_settings().database_url
    schema.sql(dialect or ("sqlite" if url.startswith("sqlite") else "postgresql"))
