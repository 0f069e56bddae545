"""The schema: one owner (our Alembic), one version table, upgraded and checked from here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool

from . import sqlite, sqlite_statistics
from .database import make_engine
from .out_of_date import SchemaOutOfDate as SchemaOutOfDate

VERSION_TABLE = "counterfoil_alembic_version"


def _folder() -> Path:
    here = Path(__file__).resolve().parent
    inside = here / "migrations"
    return inside if inside.is_dir() else here.parent / "migrations"


def config() -> Config:
    """Alembic's configuration of the product's own migrations."""
    made = Config()
    made.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def head() -> str:
    """The revision this code needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


@contextmanager
def _connected(database: str | Engine) -> Iterator[Connection]:
    engine = make_engine(database, poolclass=NullPool) if isinstance(database, str) else database
    sqlite.prepare(engine)
    with engine.connect() as connection:
        yield connection


def current(database: str | Engine) -> str | None:
    """The revision the database is at; None when it has none of our tables."""
    with _connected(database) as connection:
        return MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE}
        ).get_current_revision()


def upgrade(database: str | Engine, revision: str = "head") -> None:
    """Bring the database to the schema of this code. Raises SchemaOutOfDate when it is newer."""
    check_not_newer(database)
    with _connected(database) as connection:
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, revision)
        sqlite_statistics.write(connection)


def sql(dialect: str) -> None:
    """Print the migrations as SQL for `postgresql` or `sqlite`, for those who run it by hand."""
    made = config()
    made.set_main_option(
        "sqlalchemy.url", "postgresql+psycopg://" if dialect == "postgresql" else "sqlite://"
    )
    command.upgrade(made, "head", sql=True)


def check_not_newer(database: str | Engine) -> str | None:
    """The current revision. Raises SchemaOutOfDate when this code does not know it."""
    at = current(database)
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if at is not None and at not in known:
        raise SchemaOutOfDate(
            f"the database is at revision {at}, which this version of Counterfoil does not know: "
            "it was upgraded by a newer one. Install that version, or restore the database."
        )
    return at


def check(database: str | Engine) -> None:
    """Raises SchemaOutOfDate, naming the cure, unless the database is at the revision this code needs."""
    at = check_not_newer(database)
    if at != head():
        state = f"at revision {at}" if at else "without Counterfoil's tables"
        raise SchemaOutOfDate(
            f"the database is {state}, this code needs {head()}: run `counterfoil db upgrade`"
        )
