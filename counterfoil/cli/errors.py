"""What known errors mean to a person at a terminal."""

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from ..declaration import RegistryError
from ..missing_tables import without_tables
from ..out_of_date import SchemaOutOfDate
from ..settings import SettingsError, read_settings
from .group import CONFIGURATION, FAILED, Stop
from .siblings import Shadowed


def explained(error: Exception) -> Stop | None:
    """The one line and the exit code for an error; None for one that deserves its traceback."""
    if isinstance(error, (SettingsError, SchemaOutOfDate, Shadowed, RegistryError)):
        return Stop(str(error), CONFIGURATION)
    if isinstance(error, NoSuchModuleError):
        return Stop(f"DATABASE_URL: {error}", CONFIGURATION)
    if isinstance(error, ModuleNotFoundError) and error.name in ("psycopg", "psycopg2"):
        return Stop(
            "PostgreSQL needs its driver: pip install 'psycopg[binary]'",
            CONFIGURATION,
        )
    if isinstance(error, DBAPIError) and without_tables(str(error.orig)):
        return Stop("the database lacks Counterfoil's tables: run `counterfoil db upgrade`", CONFIGURATION)
    if isinstance(error, DBAPIError):
        return _refused_by_the_database(error)
    refused = getattr(error, "code", None)
    if type(error).__name__ == "Refused" and isinstance(refused, str):
        return Stop(str(error), FAILED)
    return None


def first_line(error: object) -> str:
    """The first line of an error's text, or its type's name."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _refused_by_the_database(error: DBAPIError) -> Stop:
    said = first_line(error.orig)
    if error.statement is None:
        # It was the connection: the address is what a person can mend.
        url = make_url(read_settings().database_url).render_as_string()
        return Stop(
            f"the database of DATABASE_URL={url} cannot be reached: {said}. Name the application's own in "
            "DATABASE_URL, and see that it runs",
            FAILED,
        )
    return Stop(f"the database refused: {said}", FAILED)
