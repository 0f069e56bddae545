"""A chunk of a started operation: each ticket through the single act, what has moved skipped and counted."""

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from .acts import Actor, Refused, act
from .clock import stamp
from .tables import Operation, OperationItem
from .undo import undo

CHUNK = 200
SKIPPED = ("moved", "state", "gone", "locked")
"""Why an act is not done that is nobody's fault: the ticket went its own way meanwhile."""


def step(connection: Connection, operation: Any, chunk: int = CHUNK) -> list[int]:
    """Act on up to `chunk` open items, in the caller's transaction; the ids of those that were changed.

    When there were no open items left, the operation is done.

    Index: counterfoil_operation_items_open. The caller holds the operation's row.
    """
    items = connection.execute(
        select(OperationItem.ticket_id, OperationItem.moves, OperationItem.undoes)
        .where(OperationItem.operation_id == operation.id, OperationItem.result.is_(None))
        .order_by(OperationItem.ticket_id)
        .limit(chunk)
    ).all()
    here = update(Operation).where(Operation.id == operation.id)
    if not items:
        connection.execute(here.values(state="done", ended_at=stamp()))
        return []
    results = [_one(connection, operation, item) for item in items]
    connection.execute(
        update(OperationItem.__table__)  # type: ignore[arg-type]
        .where(OperationItem.operation_id == operation.id, OperationItem.ticket_id == bindparam("of"))
        .values(result=bindparam("became"), reason=bindparam("why"), trail_id=bindparam("trail"), at=stamp()),
        results,
    )
    count = {name: sum(r["became"] == name for r in results) for name in ("changed", "skipped", "failed")}
    connection.execute(
        here.values(
            changed=Operation.changed + count["changed"],
            skipped=Operation.skipped + count["skipped"],
            failed=Operation.failed + count["failed"],
        )
    )
    return [result["of"] for result in results if result["became"] == "changed"]


def _one(connection: Connection, operation: Any, item: Any) -> dict[str, Any]:
    by = Actor(operation.started_by, via="scheduler")
    told: dict[str, Any] = {"reason": operation.reason, "operation_id": operation.id}
    try:
        if operation.verb == "undo":
            done = undo(connection, item.undoes, by, **told)
        else:
            told["expected_moves"] = item.moves
            arguments = operation.arguments or {}
            done = act(connection, operation.verb, item.ticket_id, by, **told, **arguments)
    except Refused as refused:
        became = "skipped" if refused.code in SKIPPED else "failed"
        return {"of": item.ticket_id, "became": became, "why": refused.reason, "trail": None}
    return {"of": item.ticket_id, "became": "changed", "why": None, "trail": done.trail_id}
