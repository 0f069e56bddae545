"""A host without our tables is told the cure instead of two screens of SQL."""

import re

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from .out_of_date import SchemaOutOfDate

_SAID = re.compile(r'no such table: counterfoil_|relation "counterfoil_\w+" does not exist')


def without_tables(said: str) -> bool:
    """Whether a driver's text says that a table of ours is not there."""
    return _SAID.search(said) is not None


def attach(engine: Engine) -> None:
    """Have the engine's errors about our tables raised as SchemaOutOfDate, from the driver's own."""
    if not event.contains(engine, "handle_error", _tell):
        event.listen(engine, "handle_error", _tell)


def _tell(context: ExceptionContext) -> None:
    if without_tables(str(context.original_exception)):
        raise SchemaOutOfDate(
            "the database lacks Counterfoil's tables: run `counterfoil db upgrade` with this DATABASE_URL"
        ) from context.original_exception
