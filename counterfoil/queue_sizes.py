"""How many run at once in a queue, and how long one may wait there: an operator's to set, with its trail.

The pool counts across machines: a drain holds one of the queue's slots. A smaller pool lets what runs finish.
"""

from sqlalchemy import Connection, update

from .acts import Actor, Refused
from .pauses import missing, record, standing
from .tables import Queue

LARGEST_POOL = 1000
LONGEST_WAIT_SECONDS = 7 * 86_400


def set_size(
    connection: Connection,
    name: str,
    by: Actor,
    *,
    pool_size: int | None,
    target_wait_seconds: int,
    reason: str | None = None,
) -> None:
    """Set both, in the caller's transaction. `pool_size` None: slots are added as needed. Raises Refused."""
    if pool_size is not None and not 1 <= pool_size <= LARGEST_POOL:
        told = f"a pool of {pool_size} for queue {name}: use 1 to {LARGEST_POOL}, or none for no limit; "
        raise Refused(told + "to stop the queue, pause it", "argument")
    if not 1 <= target_wait_seconds <= LONGEST_WAIT_SECONDS:
        told = f"a wanted wait of {target_wait_seconds} s for queue {name}: use 1 to {LONGEST_WAIT_SECONDS}"
        raise Refused(told, "argument")
    columns = ("pool_size", "target_wait_seconds")
    before = standing(connection, Queue, name, *columns)
    if before is None:
        raise missing(connection, Queue, name)
    after = {"pool_size": pool_size, "target_wait_seconds": target_wait_seconds}
    if before == after:
        raise Refused(f"queue {name} has that pool size and wanted wait already", "state")
    connection.execute(update(Queue).where(Queue.name == name).values(**after))
    record(connection, "pool-size", f"queue {name}", by, reason, before, after)
