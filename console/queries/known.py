"""Values that a filter can be set to: from what workers registered, never by SELECT DISTINCT on tickets."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, String, cast, literal, null, select, text, union, union_all

from counterfoil.tables import Batch, ErrorGroup, Queue, RootClass, ViewModelRecord

MOST = 500
FEW = 50
"""Of what is offered by its newest or its largest."""

KEPT_SECONDS = 10.0

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


@dataclass(frozen=True)
class _Kept:
    """Offers as they were read for a sample."""

    offers: Offers
    of: datetime | None
    until: float


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def offers(
    connection: Connection, sampled_at: datetime | None, batch: str | None = None, error: str | None = None
) -> Offers:
    """What the menus offer; a chosen batch or cause is among it if it is known.

    `sampled_at`: the numbers beside the menus are of this time. Menus are read once for each such sample, ten
    seconds long at most; each time while nobody samples.
    """
    kept = _kept.get(connection.engine)
    if kept is None or sampled_at is None or kept.of != sampled_at or kept.until < time.monotonic():
        kept = _Kept(_read(connection), sampled_at, time.monotonic() + KEPT_SECONDS)
        _kept[connection.engine] = kept
    names, batches, causes = kept.offers.names, list(kept.offers.batches), list(kept.offers.causes)
    if batch is not None and batch not in dict(batches):
        label = connection.execute(select(Batch.label).where(Batch.id == int(batch))).scalar()
        batches.insert(0, (batch, label or ""))
    if error and all(cause.fingerprint != error for cause in causes):
        causes += map(_cause, connection.execute(_causes().where(ErrorGroup.fingerprint == error)))
    return Offers(names, batches, causes)


def _read(connection: Connection) -> Offers:
    """All of it by one statement. Indexes: counterfoil_batches_open, counterfoil_errors_errored."""
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_offers()):
        found.setdefault(row.sort, []).append(row)
    names = {
        sort: {row.name for row in found.get(sort, ()) if row.name} for sort in ("queue", "view", "class")
    }
    batches = [(row.name, row.label or "") for row in sorted(found.get("batch", ()), key=_most)]
    causes = [_cause(row) for row in sorted(found.get("cause", ()), key=_most)]
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
