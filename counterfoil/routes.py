"""An operator's route: a view model's tickets go to another queue than the code says, until taken back.

New tickets go there at once (the insert trigger reads the route); a queue that was named at opening
still wins. What waits is moved as an operation, which a person previews and starts. What runs is finished
where it is.
"""

from sqlalchemy import Connection, update

from .acts import Actor, Refused
from .filters import TicketFilter
from .operations import ask
from .pauses import missing, record, standing
from .queue_names import told_wrong
from .queue_rows import name_queues
from .tables import ViewModelRecord


def route_view_model(
    connection: Connection,
    name: str,
    by: Actor,
    submit_token: str,
    *,
    queue: str | None,
    reason: str | None = None,
) -> int:
    """Route it, in the caller's transaction; `queue` None takes the route back. Raises Refused.

    Returns the id of the operation that moves what waits in the queue so far.
    """
    before = standing(connection, ViewModelRecord, name, "route", "queue")
    if before is None:
        raise missing(connection, ViewModelRecord, name)
    if queue is not None and (wrong := told_wrong(queue)):
        raise Refused(wrong, "argument")
    left = before["route"] or before["queue"]
    reached = queue or before["queue"]
    route = None if queue == before["queue"] else queue
    if before["route"] == route:
        raise Refused(f"the view model {name} goes to queue {left} already", "state")
    name_queues(connection, [reached])
    connection.execute(update(ViewModelRecord).where(ViewModelRecord.name == name).values(route=route))
    told = {"before": {"route": before["route"]}, "after": {"route": route}}
    record(connection, "route", f"view model {name}", by, reason, told["before"], told["after"])
    waiting = TicketFilter(view=name, queue=left).query()
    return ask(connection, "move", by, submit_token, query=waiting, arguments={"queue": reached})
