"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

from sqlalchemy import Connection, select, union

from counterfoil.tables import Queue, ViewModelRecord

MOST = 500


def queue_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """Queues that workers or view models name; the chosen one is in it even if none does."""
    named = (Queue.name, ViewModelRecord.queue, ViewModelRecord.route)
    found = connection.execute(union(*(select(name).limit(MOST).subquery().select() for name in named)))
    return sorted(name for name in {*found.scalars(), chosen} if name)


def view_model_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """View models that workers registered; the chosen one is in it even if none did."""
    found = {*connection.execute(select(ViewModelRecord.name).limit(MOST)).scalars(), chosen}
    return sorted(name for name in found if name)
