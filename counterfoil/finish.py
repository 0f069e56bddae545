"""The finish: the fenced UPDATE that is the last statement of the work's own transaction.

Where the next claim may ride in that transaction, PostgreSQL is sent both as one statement: a round trip less
for each ticket. SQLite is sent two, for its statements begin with UPDATE.
"""

import json
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, TextClause

from . import door, policy
from .claim import found, ride, riding, riding_binds
from .claimed import COLUMNS, Claimed
from .columns import Json
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


@cache
def _together_statement(dialect: str) -> TextClause:
    sets = door.assignments("finish", dialect)
    if dialect == "postgresql":
        # By ctid, as a single one; a fence is on no other ticket than its own. The state is hidden from the
        # planner: the index of running tickets would be walked over all entries that are dead since a vacuum.
        sets = sets.replace(":receipt", "CAST(:receipts AS jsonb) -> fence")
        return door.typed(
            f"UPDATE {door.TABLE} SET {sets} WHERE ctid = ANY(CAST(:ctids AS tid[])) "
            "AND coalesce(state, '') = 'running' AND fence = ANY(CAST(:fences AS text[])) "
            "RETURNING current_setting('transaction_isolation')",
            receipts=Json,
        )
    each = ("id", "fence", "receipt")
    given = ", ".join(f"json_extract(value, '$[{n}]') AS its_{name}" for n, name in enumerate(each))
    return door.typed(
        f"UPDATE {door.TABLE} NOT INDEXED SET {sets.replace(':receipt', 'its_receipt')} "
        f"FROM (SELECT {given} FROM json_each(:tickets)) "
        "WHERE id = its_id AND state = 'running' AND fence = its_fence RETURNING 'SQLITE'"
    )


_TOGETHER = Hot(_together_statement)


def finish_together(
    connection: Connection, tickets: Sequence[Claimed], receipts: Sequence[Any]
) -> Finished | None:
    """Set tickets without a lane done, all with one UPDATE; None when not every one held its fence.

    Then some of them may be set done: the caller rolls back.
    """
    pairs = list(zip(tickets, receipts, strict=True))
    binds: dict[str, Any] = {"trouble_days": policy.current().trouble_days}
    if connection.dialect.name == "postgresql":
        binds["ctids"] = "{" + ",".join(f'"{claimed.ctid}"' for claimed in tickets) + "}"
        binds["fences"] = "{" + ",".join(claimed.fence for claimed in tickets) + "}"
        binds["receipts"] = {claimed.fence: receipt for claimed, receipt in pairs if receipt is not None}
    else:
        stored = [[c.id, c.fence, None if r is None else json.dumps(r)] for c, r in pairs]
        binds["tickets"] = json.dumps(stored)
    rows = _TOGETHER.all(connection, binds)
    return Finished(rows[0][0]) if len(rows) == len(tickets) else None


def _binds(claimed: Claimed, receipt: Any) -> dict[str, Any]:
    return {
        "id": claimed.id,
        "fence": claimed.fence,
        "receipt": receipt,
        "trouble_days": policy.current().trouble_days,
        "ctid": claimed.ctid,
    }
