"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

from typing import Any

from sqlalchemy import Connection, Row, select, text, union

from counterfoil.tables import Batch, ErrorGroup, Queue, RootClass, ViewModelRecord

MOST = 500
FEW = 50
"""Of what is offered by its newest or its largest."""


def queue_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """Queues that workers or view models name; the chosen one is in it even if none does."""
    named = (Queue.name, ViewModelRecord.queue, ViewModelRecord.route)
    found = connection.execute(union(*(select(name).limit(MOST).subquery().select() for name in named)))
    return sorted(name for name in {*found.scalars(), chosen} if name)


def view_model_names(connection: Connection, chosen: str | None = None) -> list[str]:
    """View models that workers registered; the chosen one is in it even if none did."""
    found = {*connection.execute(select(ViewModelRecord.name).limit(MOST)).scalars(), chosen}
    return sorted(name for name in found if name)


def root_classes(connection: Connection, chosen: str | None = None) -> list[str]:
    """Classes of roots that workers registered; the chosen one is in it even if none did."""
    query = select(RootClass.name).order_by(RootClass.name).limit(MOST)
    found = {*connection.execute(query).scalars(), chosen}
    return sorted(name for name in found if name)


def batches(connection: Connection, chosen: str | None = None) -> list[tuple[str, str]]:
    """The newest open batches, number and label; the chosen one first if it is none of them.

    Index: counterfoil_batches_open.
    """
    query = select(Batch.id, Batch.label).where(text("closed_at IS NULL")).order_by(Batch.id.desc())
    found = [(str(row.id), row.label) for row in connection.execute(query.limit(FEW))]
    if chosen is None or chosen in dict(found):
        return found
    label = connection.execute(select(Batch.label).where(Batch.id == int(chosen))).scalar()
    return [(chosen, label or ""), *found]


def causes(connection: Connection, chosen: str | None = None) -> list[Row[Any]]:
    """Groups of errors that tickets are errored by, most first; the chosen one is in it if it is known.

    Index: counterfoil_errors_errored.
    """
    every = select(
        ErrorGroup.fingerprint, ErrorGroup.class_name, ErrorGroup.error_kind, ErrorGroup.view_model
    )
    worst = every.where(text("errored > 0")).order_by(ErrorGroup.errored.desc()).limit(FEW)
    found: list[Row[Any]] = list(connection.execute(worst))
    if chosen and all(row.fingerprint != chosen for row in found):
        found += connection.execute(every.where(ErrorGroup.fingerprint == chosen))
    return found
