"""What known errors mean to a person at a terminal."""

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError

from ..registry import RegistryError
from ..schema import SchemaOutOfDate
from ..settings import SettingsError
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
            "PostgreSQL needs its driver: pip install 'counterfoil[postgres]'",
            CONFIGURATION,
        )
    if isinstance(error, ProgrammingError | OperationalError) and _without_tables(error):
        return Stop("the database lacks Counterfoil's tables: run `counterfoil db upgrade`", CONFIGURATION)
    if isinstance(error, DBAPIError):
        return Stop(f"the database refused: {first_line(error.orig)}", FAILED)
    refused = getattr(error, "code", None)
    if type(error).__name__ == "Refused" and isinstance(refused, str):
        return Stop(str(error), FAILED)
    return None


def first_line(error: object) -> str:
    """The first line of an error's text, or its type's name."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _without_tables(error: DBAPIError) -> bool:
    said = str(error.orig)
    return "counterfoil_" in said and ("no such table" in said or "does not exist" in said)
