"""The finish: the fenced UPDATE that is the last statement of the work's own transaction."""

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause

from . import door, policy
from .claimed import Claimed
from .hot import Hot


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


_BY_ID = Hot(lambda dialect: _finish_statement(dialect, False))
_BY_CTID = Hot(lambda dialect: _finish_statement(dialect, True))


class Finished(NamedTuple):
    """A ticket was set done, in a transaction of this isolation."""

    isolation: str


def finish(connection: Connection, claimed: Claimed, receipt: Any) -> Finished | None:
    """Set the ticket done; None when the fence was lost."""
    binds = {
        "id": claimed.id,
        "fence": claimed.fence,
        "receipt": receipt,
        "trouble_days": policy.current().trouble_days,
    }
    row = None
    if claimed.ctid is not None:
        row = _BY_CTID.first(connection, binds | {"ctid": claimed.ctid})
    if row is None:
        row = _BY_ID.first(connection, binds)
    return None if row is None else Finished(*row)
