"""The finish: the fenced UPDATE that is the last statement of the work's own transaction."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, TextClause

from . import door, policy
from .lease import Claimed


@cache
def _finish_statement(dialect: str, by_ctid: bool) -> TextClause:
    where = "id = :id AND state = 'running' AND fence = :fence"
    isolation = "'SQLITE'"
    if dialect == "postgresql":
        isolation = "current_setting('transaction_isolation')"
        # Under SERIALIZABLE an index look-up of the row would conflict with other workers' claims.
        where += " AND ctid = CAST(:ctid AS tid)" if by_ctid else ""
    return door.typed(
        f"UPDATE {door.TABLE} SET {door.assignments('finish', dialect)} WHERE {where} "
        f"RETURNING {isolation} AS isolation"
    )


def finish(connection: Connection, claimed: Claimed, receipt: Any) -> Any:
    """Set the ticket done; its row tells the isolation it runs at; None when the fence was lost."""
    dialect = connection.dialect.name
    binds = {
        "id": claimed.id,
        "fence": claimed.fence,
        "receipt": receipt,
        "trouble_days": policy.current().trouble_days,
    }
    if claimed.ctid is not None:
        by_ctid = connection.execute(
            _finish_statement(dialect, True), binds | {"ctid": claimed.ctid}
        ).fetchone()
        if by_ctid is not None:
            return by_ctid
    return connection.execute(_finish_statement(dialect, False), binds).fetchone()
