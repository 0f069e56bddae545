"""The one door: every move of a ticket is one conditional UPDATE, driven by the table of moves.

Compare and set: the row count is the truth. Of two callers who race, one finds the row, the other does not.
A worker's move names its fence; null never matches.
"""

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, Integer, Row, String, TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

from . import lanes, notices, policy
from .clock import RANDOM_TOKEN, STAMP, after, elapsed_ms
from .columns import Json, Utc
from .moves import MOVES

TABLE = "counterfoil_tickets"

_INTEGERS = {"id", "moves", "priority", "trouble_days", "size", "limit", "chunk"}
_FLOATS = {"seconds", "backoff", "backoff_limit"}
_TYPES: dict[str, TypeEngine[Any]] = {
    **{name: Utc() for name in ("at", "until", "expires_at")},
    **{name: BigInteger() for name in _INTEGERS},
    **{name: Float() for name in _FLOATS},
    "hold": Integer(),
    "receipt": Json,
    "params": Json,
}

RETURNED = "id, state, lane, queue, moves, claims, run, view_model, root_id, due_at"


def words(dialect: str) -> dict[str, str]:
    """What stands for the names in braces in the table of moves, in this dialect's SQL."""
    now = STAMP[dialect]
    postgresql = dialect == "postgresql"
    greatest, least = ("greatest", "least") if postgresql else ("max", "min")
    fraction = "random()" if postgresql else "(abs(random()) % 1000 / 1000.0)"
    minutes = "coalesce(keep_receipt_minutes, 10) * 60"
    keep_trouble = after(dialect, f"{greatest}({minutes}, :trouble_days * 86400)")
    last = "attempts >= coalesce(max_attempts, 1)"
    doubled = f":backoff * (1 << {least}({greatest}(attempts - 1, 0), 20)) * (0.8 + 0.4 * {fraction})"
    backoff = after(dialect, f"coalesce(:seconds, {least}(:backoff_limit, {doubled}))")
    return {
        "now": now,
        "fence": RANDOM_TOKEN[dialect],
        "elapsed": elapsed_ms(dialect, "started_at"),
        "keep_trouble": keep_trouble,
        "keep_receipt": f"CASE WHEN trouble THEN {keep_trouble} ELSE {after(dialect, minutes)} END",
        "after_seconds": after(dialect, ":seconds"),
        "backoff": backoff,
        "turn_again": "(state = 'pending' AND aside IS NULL AND lane IS NULL)",
        "pending_or_errored": f"CASE WHEN {last} THEN 'errored' ELSE 'pending' END",
        "pending_or_errored_or_held": f"CASE WHEN {last} THEN 'errored' WHEN :hold = 1 THEN 'held' "
        "ELSE 'pending' END",
        "turn_if_pending": f"(NOT ({last}) AND lane IS NULL)",
        "done_if_errored": f"CASE WHEN {last} THEN {now} END",
        "trouble_if_errored": f"CASE WHEN {last} THEN {keep_trouble} END",
        "retry_if_pending": f"CASE WHEN {last} THEN retry_at ELSE {backoff} END",
    }


@cache
def assignments(verb: str, dialect: str) -> str:
    """The SET list of a verb."""
    move = MOVES[verb]
    found = words(dialect)
    sets = {column: sql.format(**found) for column, sql in move.sets.items()}
    if move.moved:
        sets |= {"moves": "moves + 1", "moved_at": STAMP[dialect]}
    return ", ".join(f"{column} = {sql}" for column, sql in sets.items())


def typed(sql: str, **more: TypeEngine[Any]) -> TextClause:
    """A statement whose bound values bear types, by their names; what is not listed is text."""
    clause = text(sql)
    names = list(clause._bindparams)
    return clause.bindparams(*(bindparam(n, type_=more.get(n) or _TYPES.get(n) or String()) for n in names))


@cache
def statement(verb: str, dialect: str, expects_moves: bool = False, narrow: str = "") -> TextClause:
    """The UPDATE of a verb on one ticket by id; index: the primary key."""
    move = MOVES[verb]
    where = ["id = :id", f"state IN ({', '.join(map(repr, move.leaves))})"]
    if move.fence == "named":
        where.append("(fence = :fence OR state <> 'running')")
    if move.where:
        where.append(move.where)
    if expects_moves:
        where.append("moves = :moves")
    if narrow:
        where.append(narrow)
    if not move.sets and not move.moved:
        # A note changes nothing: a running ticket's row is written only by what replaces its fence.
        return typed(f"SELECT {RETURNED} FROM {TABLE} WHERE {' AND '.join(where)}")
    return typed(
        f"UPDATE {TABLE} SET {assignments(verb, dialect)} WHERE {' AND '.join(where)} RETURNING {RETURNED}"
    )


def move(
    connection: Connection,
    verb: str,
    ticket_id: int,
    *,
    expected_moves: int | None = None,
    narrow: str = "",
    elect: bool = True,
    **values: Any,
) -> Row[Any] | None:
    """Move one ticket, in the caller's transaction; None when it was not there to be moved.

    `values` are the verb's bound values (`fence`, `error`, `seconds`, ...); `narrow` is further SQL of ours.
    With `elect`, the ticket's lane elects after it, in the same transaction.
    """
    dialect = connection.dialect.name
    clause = statement(verb, dialect, expected_moves is not None, narrow)
    rules = policy.current()
    given: dict[str, Any] = {
        "seconds": None,
        "trouble_days": rules.trouble_days,
        "backoff": rules.backoff_seconds,
        "backoff_limit": rules.backoff_limit_seconds,
        **values,
        "id": ticket_id,
        "moves": expected_moves,
    }
    binds = {name: given.get(name) for name in clause._bindparams}
    row = connection.execute(clause, binds).fetchone()
    if row is not None and elect and row.lane is not None and MOVES[verb].elects:
        lanes.elect(connection, [row.lane])
    if row is not None and verb in notices.VERBS and row.state in notices.STATES:
        notices.note_ticket(connection, ticket_id, row.state, values.get("actor"))
    return row
