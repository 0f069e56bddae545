"""Setting tickets aside and back: those whose view model is paused or known to no worker.

A ticket set aside has no turn and bears the cause. The scheduler's ringer calls these every beat, in chunks;
the lanes of a chunk elect, so that a paused view model does not hold up others of its lane.
"""

from typing import Any

from sqlalchemy import BigInteger, Connection, Float, bindparam, text

from . import door, lanes, settle
from .clock import MOMENT, STAMP, after
from .database import among, by

CHUNK = 1000
_PAUSED = "v.paused AND (v.paused_until IS NULL OR v.paused_until > {moment})"


def set_aside(connection: Connection, chunk: int = CHUNK) -> int:
    """Set aside pending tickets of paused view models, up to `chunk` of each; index _aside."""
    moment = MOMENT[connection.dialect.name]
    paused = connection.execute(
        text(f"SELECT v.name FROM counterfoil_view_models v WHERE {_PAUSED.format(moment=moment)}")
    ).scalars()
    return sum(_set_aside(connection, name, chunk) for name in paused.all())


def _set_aside(connection: Connection, view_model: str, chunk: int) -> int:
    dialect = connection.dialect.name
    rows = connection.execute(
        text(
            f"UPDATE {door.TABLE} SET turn = false, aside = 'paused', aside_since = {STAMP[dialect]} "
            f"WHERE {among(dialect, _first(dialect, ':name', None))} RETURNING id, lane"
        ).bindparams(bindparam("chunk", type_=BigInteger())),
        {"name": view_model, "chunk": chunk},
    ).fetchall()
    lanes.elect(connection, [row.lane for row in rows if row.lane is not None])
    return len(rows)


def _first(dialect: str, name: str, cause: str | None, lock: bool = True) -> str:
    """The first pending ticket ids of a view model that are aside for a cause, or not at all.

    PostgreSQL: name and id are compared as a row, so that the order cannot become one by id alone: where none
    is left to be found, the table would be read by its primary key.
    """
    aside = "aside IS NULL" if cause is None else f"aside = {cause}"
    found = f"SELECT id FROM {door.TABLE} t{by(dialect, 'aside')} WHERE state = 'pending' AND {aside} AND "
    order = "ORDER BY aside, view_model, id LIMIT :chunk"
    if dialect != "postgresql":
        return f"{found} t.view_model = {name} {order}"
    locked = " FOR UPDATE SKIP LOCKED" if lock else ""
    return (
        f"{found} (view_model, id) >= ({name}, 0) AND (view_model, id) <= ({name}, {_LAST}) {order}{locked}"
    )


_LAST = 2**63 - 1


def set_back(connection: Connection, chunk: int = CHUNK) -> int:
    """Let the trigger decide again about tickets whose cause is gone: not paused any more, known again."""
    moment = MOMENT[connection.dialect.name]
    ready = {
        "paused": f"NOT ({_PAUSED.format(moment=moment)})",
        "unknown": f"v.known_until > {moment}",
    }
    return sum(_set_back(connection, cause, lifted, chunk) for cause, lifted in ready.items())


def _set_back(connection: Connection, cause: str, lifted: str, chunk: int) -> int:
    one = _first(connection.dialect.name, "v.name", ":cause", lock=False).replace(":chunk", "1")
    names = connection.execute(
        text(f"SELECT v.name FROM counterfoil_view_models v WHERE {lifted} AND ({one}) IS NOT NULL"),
        {"cause": cause},
    ).scalars()
    first = text(_first(connection.dialect.name, ":name", ":cause")).bindparams(
        bindparam("chunk", type_=BigInteger())
    )
    # Oldest first, whatever the view model: in a lane the first to be decided about gets the turn.
    ids: list[int] = sorted(
        ticket
        for name in names.all()
        for ticket in connection.execute(first, {"cause": cause, "name": name, "chunk": chunk}).scalars()
    )
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
