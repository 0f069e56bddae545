"""Own columns of tickets' kinds, read from the host's tables by the names that workers wrote down.

The application is not imported: the console and the purge's archive read them. A table is read only if the
database itself says that its key refers to the tickets: what somebody wrote into `counterfoil_kinds` cannot
make us show another table.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.exc import NoSuchTableError

from .kinds import PLAIN
from .tables import TicketKind
from .ticket import Ticket

Columns = dict[str, Any]
"""Column -> value, as JSON would have it."""


def read(connection: Connection, kind: str, ids: Sequence[int]) -> dict[int, Columns]:
    """Ticket id -> its own columns, for tickets of one kind; plain ones have none."""
    if kind == PLAIN or not ids:
        return {}
    known = connection.execute(select(TicketKind.__table__).where(TicketKind.kind == kind)).first()
    if known is None or not _refers(connection, known):
        return {}
    there = {each["name"] for each in inspect(connection).get_columns(known.table_name, known.schema_name)}
    names = [name for name in known.columns if name in there]  # one may be dropped, or not migrated yet
    if not names:
        return {}
    own = table(known.table_name, *map(column, (known.key_column, *names)), schema=known.schema_name)
    key = own.c[known.key_column]
    rows = connection.execute(select(key, *(own.c[name] for name in names)).where(key.in_(ids)))
    return {row[0]: {n: _plain(value) for n, value in zip(names, row[1:], strict=True)} for row in rows}


def _refers(connection: Connection, known: Any) -> bool:
    """Whether the table's key is a foreign key to the tickets."""
    try:
        keys = inspect(connection).get_foreign_keys(known.table_name, known.schema_name)
    except NoSuchTableError:
        return False
    return any(
        key["referred_table"] == Ticket.__tablename__ and key["constrained_columns"] == [known.key_column]
        for key in keys
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str | dict | list) else str(value)
