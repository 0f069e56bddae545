"""The finish: the fenced UPDATE that is the last statement of the work's own transaction.

Where the next claim may ride in that transaction, PostgreSQL is sent both as one statement: a round trip less
for each ticket. SQLite is sent two, for its statements begin with UPDATE.
"""

import time
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, TextClause

from . import door, policy
from .claim import found, ride, riding, riding_binds
from .claimed import COLUMNS, Claimed
from .database import READ_COMMITTED
from .hot import Hot
from .lease import DrainLease


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


@cache
def _finish_and_ride_statement(dialect: str) -> TextClause:
    # Both conditions are looked at once, before any candidate is: elsewhere nothing is read or locked.
    where = "EXISTS (SELECT FROM f) AND current_setting('transaction_isolation') = 'read committed'"
    return door.typed(
        f"WITH f AS ({_finish_statement(dialect, True).text}), c AS ({riding(dialect, where)}) "
        "SELECT f.isolation, c.* FROM f LEFT JOIN c ON true"
    )


_BY_ID = Hot(lambda dialect: _finish_statement(dialect, False))
_BY_CTID = Hot(lambda dialect: _finish_statement(dialect, True))
_AND_RIDE = Hot(_finish_and_ride_statement, (String(), *COLUMNS.values()))


class Finished(NamedTuple):
    """A ticket was set done, in a transaction of this isolation; `next` rode along."""

    isolation: str
    next: Claimed | None = None


def finish(connection: Connection, claimed: Claimed, receipt: Any) -> Finished | None:
    """Set the ticket done; None when the fence was lost."""
    binds = _binds(claimed, receipt)
    row = None
    if claimed.ctid is not None:
        row = _BY_CTID.first(connection, binds)
    if row is None:
        row = _BY_ID.first(connection, binds)
    return None if row is None else Finished(row[0])


def finish_and_ride(
    connection: Connection, claimed: Claimed, receipt: Any, drain: DrainLease
) -> Finished | None:
    """Set a ticket without a lane done and claim the drain's next one, where that cannot fail.

    None when the fence was lost; then nothing was claimed.
    """
    if claimed.ctid is not None:
        began = time.monotonic()
        row = _AND_RIDE.first(connection, _binds(claimed, receipt) | riding_binds(drain))
        if row is not None:
            return Finished(row[0], found(drain, row[1:], began))
    finished = finish(connection, claimed, receipt)
    if finished is None or finished.isolation not in READ_COMMITTED:
        return finished
    return Finished(finished.isolation, ride(connection, drain))


def _binds(claimed: Claimed, receipt: Any) -> dict[str, Any]:
    return {
        "id": claimed.id,
        "fence": claimed.fence,
        "receipt": receipt,
        "trouble_days": policy.current().trouble_days,
        "ctid": claimed.ctid,
    }
