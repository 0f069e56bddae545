"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, String, cast, literal, null, select, text, union, union_all

from counterfoil.tables import Batch, ErrorGroup, Queue, RootClass, ViewModelRecord

MOST = 500
FEW = 50
"""Of what is offered by its newest or its largest."""


_NAMED = (
    ("queue", Queue.name), ("queue", ViewModelRecord.queue), ("queue", ViewModelRecord.route),
    ("view", ViewModelRecord.name), ("class", RootClass.name),
)  # fmt: skip


class Cause(NamedTuple):
    """A group of errors as a menu shows it."""

    fingerprint: str
    class_name: str | None
    error_kind: str | None
    view_model: str | None


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
    each = (select(literal(sort).label("sort"), name.label("name")).limit(MOST) for sort, name in _NAMED)
    return union(*(few.subquery().select() for few in each))


@dataclass(frozen=True)
class Offers:
    """What the menus of the list offer."""

    names: Names
    batches: list[tuple[str, str]]
    """The newest open ones, number and label."""
    causes: list[Cause]
    """Groups of errors that tickets are errored by, most first."""


def offers(connection: Connection, batch: str | None = None, error: str | None = None) -> Offers:
    """All of it by one statement; a chosen batch or cause is among them if it is known.

    Indexes: counterfoil_batches_open, counterfoil_errors_errored.
    """
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_offers()):
        found.setdefault(row.sort, []).append(row)
    names = {
        sort: {row.name for row in found.get(sort, ()) if row.name} for sort in ("queue", "view", "class")
    }
    batches = [(row.name, row.label or "") for row in sorted(found.get("batch", ()), key=_most)]
    causes = [_cause(row) for row in sorted(found.get("cause", ()), key=_most)]
    if batch is not None and batch not in dict(batches):
        label = connection.execute(select(Batch.label).where(Batch.id == int(batch))).scalar()
        batches.insert(0, (batch, label or ""))
    if error and all(cause.fingerprint != error for cause in causes):
        causes += map(_cause, connection.execute(_causes().where(ErrorGroup.fingerprint == error)))
    return Offers(Names(names), batches, causes)


def _most(row: Row[Any]) -> int:
    return -int(row.number)


def _cause(row: Row[Any]) -> Cause:
    return Cause(row.name, row.label, row.error_kind, row.view_model)


@cache
def _offers() -> Any:
    none = cast(null(), String)
    names = (
        select(
            literal(sort).label("sort"), name.label("name"), none.label("label"), none.label("error_kind"),
            none.label("view_model"), literal(0).label("number"),
        ).limit(MOST)
        for sort, name in _NAMED
    )  # fmt: skip
    batches = (
        select(literal("batch"), cast(Batch.id, String), Batch.label, none, none, Batch.id)
        .where(text("closed_at IS NULL"))
        .order_by(Batch.id.desc())
        .limit(FEW)
    )
    causes = _causes().where(text("errored > 0")).order_by(ErrorGroup.errored.desc()).limit(FEW)
    return union_all(*(each.subquery().select() for each in (*names, batches, causes)))


def _causes() -> Any:
    group = ErrorGroup
    return select(
        literal("cause").label("sort"), group.fingerprint.label("name"), group.class_name.label("label"),
        group.error_kind, group.view_model, group.errored.label("number"),
    )  # fmt: skip
