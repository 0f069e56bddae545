"""How a statement would be read: for its own values, and on PostgreSQL for any.

psycopg prepares what it has sent five times; from then on PostgreSQL may keep one plan that knows no values.
"""

import re
from typing import Any

from psycopg.sql import Literal
from sqlalchemy import Connection

_NAME = re.compile(r"%\((\w+)\)s")


def plans_of(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Each of its plans, as text."""
    if connection.dialect.name == "sqlite":
        return [_told(connection, f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return [_told(connection, f"EXPLAIN {statement}", parameters), _of_any(connection, statement, parameters)]


def _of_any(connection: Connection, statement: str, parameters: Any) -> str:
    names = list(dict.fromkeys(_NAME.findall(statement)))
    prepared = _NAME.sub(lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")
    driver: Any = connection.connection.driver_connection  # as it is written: a value may bear a percent sign
    values = ", ".join(Literal(parameters[name]).as_string(driver) for name in names)
    driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    driver.execute(f"PREPARE of_any AS {prepared}")
    rows = driver.execute(f"EXPLAIN EXECUTE of_any{f'({values})' if names else ''}").fetchall()
    driver.execute("DEALLOCATE of_any")
    driver.execute("SET LOCAL plan_cache_mode = auto")
    return "\n".join(str(row[0]) for row in rows)


def _told(connection: Connection, explain: str, parameters: Any) -> str:
    return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain, parameters))
