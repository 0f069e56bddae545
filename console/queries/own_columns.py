"""Own columns of a ticket's kind, read from the host's table by the names that workers wrote down.

The application is not imported. A table is read only if the database itself says that its key refers to the
tickets: what somebody wrote into `counterfoil_kinds` cannot make the console show another table.
"""

from typing import Any

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.exc import NoSuchTableError

from counterfoil.kinds import PLAIN
from counterfoil.tables import TicketKind
from counterfoil.ticket import Ticket


def own_columns(connection: Connection, row: Any) -> dict[str, Any]:
    """Column -> value, as JSON would have it; nothing for a plain ticket, or where nothing is to be found."""
    if row.kind == PLAIN:
        return {}
    known = connection.execute(select(TicketKind.__table__).where(TicketKind.kind == row.kind)).first()
    if known is None or not _refers(connection, known):
        return {}
    there = {each["name"] for each in inspect(connection).get_columns(known.table_name, known.schema_name)}
    names = [name for name in known.columns if name in there]  # one may be dropped, or not migrated yet
    if not names:
        return {}
    own = table(known.table_name, *map(column, (known.key_column, *names)), schema=known.schema_name)
    query = select(*(own.c[name] for name in names)).where(own.c[known.key_column] == row.id)
    found = connection.execute(query).mappings().first()
    return {name: _plain(value) for name, value in (found or {}).items()}


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
