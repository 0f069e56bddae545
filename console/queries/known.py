"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

from sqlalchemy import Connection, select

from counterfoil.tables import Queue, ViewModelRecord

MOST = 500


def queue_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """Queues that workers or view models name; the chosen one is in it even if none does."""
    found = {*connection.execute(select(Queue.name).limit(MOST)).scalars()}
    rows = connection.execute(select(ViewModelRecord.queue, ViewModelRecord.route).distinct().limit(MOST))
    for queue, route in rows:
        found |= {queue, route}
    return sorted(name for name in found | {chosen} if name)


def view_model_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """View models that workers registered; the chosen one is in it even if none did."""
    found = {*connection.execute(select(ViewModelRecord.name).limit(MOST)).scalars(), chosen}
    return sorted(name for name in found if name)
