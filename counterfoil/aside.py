"""Setting tickets aside and back: those whose view model is paused or known to no worker.

A ticket set aside has no turn and bears the cause. The scheduler's ringer calls these every beat, in chunks;
the lanes of a chunk elect, so that a paused view model does not hold up others of its lane.
"""

from typing import Any

from sqlalchemy import BigInteger, Connection, Float, bindparam, text

from . import door, lanes, settle
from .clock import MOMENT, STAMP, after

CHUNK = 1000
_PAUSED = "v.paused AND (v.paused_until IS NULL OR v.paused_until > {moment})"


def set_aside(connection: Connection, chunk: int = CHUNK) -> int:
    """Set aside pending tickets of paused view models, up to `chunk` each; index _view_model."""
    dialect = connection.dialect.name
    moment = MOMENT[dialect]
    paused = connection.execute(
        text(f"SELECT v.name FROM counterfoil_view_models v WHERE {_PAUSED.format(moment=moment)}")
    ).scalars()
    return sum(_set_aside(connection, name, chunk) for name in paused.all())


def _set_aside(connection: Connection, view_model: str, chunk: int) -> int:
    dialect = connection.dialect.name
    locked = "FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    rows = connection.execute(
        text(
            f"UPDATE {door.TABLE} SET turn = false, aside = 'paused', aside_since = {STAMP[dialect]} "
            f"WHERE id IN (SELECT id FROM {door.TABLE} WHERE view_model = :name AND state = 'pending' "
            f"AND aside IS NULL ORDER BY id LIMIT :chunk {locked}) RETURNING id, lane"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"name": view_model, "chunk": chunk},
    ).fetchall()
    lanes.elect(connection, [row.lane for row in rows if row.lane is not None])
    return len(rows)


def set_back(connection: Connection, chunk: int = CHUNK) -> int:
    """Let the trigger decide again about tickets whose cause is gone: not paused any more, known again."""
    dialect = connection.dialect.name
    moment = MOMENT[dialect]
    ready = {
        "paused": f"NOT ({_PAUSED.format(moment=moment)})",
        "unknown": f"v.known_until > {moment}",
    }
    return sum(_set_back(connection, cause, lifted, chunk) for cause, lifted in ready.items())


def _set_back(connection: Connection, cause: str, lifted: str, chunk: int) -> int:
    dialect = connection.dialect.name
    locked = "FOR UPDATE OF t SKIP LOCKED" if dialect == "postgresql" else ""
    # Ids first: a table of tickets joined in the UPDATE's own WHERE would let a plan join over all of it.
    found = connection.execute(
        text(
            f"SELECT t.id FROM counterfoil_view_models v, {door.TABLE} t WHERE {lifted} "
            f"AND t.view_model = v.name AND t.state = 'pending' AND t.aside = :cause LIMIT :chunk {locked}"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"cause": cause, "chunk": chunk},
    ).scalars()
    ids = sorted(found.all())
    back = text(
        f"UPDATE {door.TABLE} SET aside = NULL, turn = NULL WHERE id = :id AND aside = :cause RETURNING lane"
    )
    given: list[Any] = [connection.execute(back, {"id": i, "cause": cause}).fetchone() for i in ids]
    lanes.elect(connection, [row.lane for row in given if row is not None and row.lane is not None])
    return len(ids)


def give_up_unknown(connection: Connection, grace_minutes: float, limit: int = 500) -> list[int]:
    """Error, kind resolve, the tickets whose view model no live worker has known for the grace."""
    dialect = connection.dialect.name
    long_ago = after(dialect, "-:seconds", MOMENT[dialect] if dialect == "postgresql" else None)
    moment = MOMENT[dialect]
    known = (
        "EXISTS (SELECT 1 FROM counterfoil_view_models v "
        f"WHERE v.name = view_model AND v.known_until > {moment})"
    )
    found = connection.execute(
        text(
            f"SELECT id, view_model FROM {door.TABLE} WHERE state = 'pending' AND aside = 'unknown' "
            f"AND aside_since < {long_ago} AND NOT {known} ORDER BY id LIMIT :limit"
        ).bindparams(bindparam("limit", type_=BigInteger()), bindparam("seconds", type_=Float())),
        {"seconds": grace_minutes * 60, "limit": limit},
    ).fetchall()
    return [row.id for row in found if settle.give_up_unknown(connection, row.id, row.view_model)]
