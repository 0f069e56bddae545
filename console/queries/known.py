"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, literal, select, text, union

from counterfoil.tables import Batch, ErrorGroup, Queue, RootClass, ViewModelRecord

MOST = 500
FEW = 50
"""Of what is offered by its newest or its largest."""


@dataclass(frozen=True)
class Names:
    """What workers registered, read by one statement; each list has the chosen one even if none did."""

    found: dict[str, set[str]]

    def queues(self, chosen: str | None = None) -> list[str]:
        """Queues that workers or view models name."""
        return self._with("queue", chosen)

    def view_models(self, chosen: str | None = None) -> list[str]:
        """View models."""
        return self._with("view", chosen)

    def root_classes(self, chosen: str | None = None) -> list[str]:
        """Classes of roots."""
        return self._with("class", chosen)

    def _with(self, sort: str, chosen: str | None) -> list[str]:
        return sorted({*self.found.get(sort, ()), *([chosen] if chosen else [])})


def names(connection: Connection) -> Names:
    """All of them, at most `MOST` of each."""
    found: dict[str, set[str]] = {}
    for sort, name in connection.execute(_names()):
        if name:
            found.setdefault(sort, set()).add(name)
    return Names(found)


@cache
def _names() -> Any:
    record = ViewModelRecord
    columns = (
        ("queue", Queue.name), ("queue", record.queue), ("queue", record.route),
        ("view", record.name), ("class", RootClass.name),
    )  # fmt: skip
    each = (select(literal(sort).label("sort"), name.label("name")).limit(MOST) for sort, name in columns)
    return union(*(few.subquery().select() for few in each))


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
