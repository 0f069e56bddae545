"""What the code knows, written to the tables: the insert trigger and the console read it, plain SQL uses it.

A worker writes its whole registry when it starts and pushes `known_until` ahead while it lives. Rows of view
models that no live worker knows stay, with `known_until` in the past. What operators set - route, pause - is
never touched. A view model that cannot be loaded is paused (`unloadable`), and the others are written.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from . import changes, kinds, planting, recurring, unloadable
from .clock import later, stamp
from .declaration import Declaration
from .queue_rows import name_queues
from .registry import Registry
from .roots import key_columns
from .tables import RootClass, TicketKind, Version, ViewModelRecord
from .ticket import Ticket

KNOWN_SECONDS = 60.0
OPERATORS = frozenset(
    ("name", "route", "first_seen_at", "paused", "paused_by", "paused_at", "paused_until", "paused_reason")
)
"""Columns of a view model's record that the code never overwrites."""


def write(
    connection: Connection,
    registry: Registry,
    app_version: str | None = None,
    seconds: float = KNOWN_SECONDS,
) -> None:
    """Upsert every view model (former names too), root class, schedule and queue of the registry.

    Rows are written in the order of their names, so that workers starting together do not deadlock. Raises
    RegistryError for a schedule whose view model is not there, and for changes of an attribute that is none.
    """
    recurring.check(registry)
    changes.watches(registry)
    broken = {
        name: why
        for name, declaration in registry.view_models.items()
        if (why := unloadable.told_unloadable(declaration)) is not None
    }
    known = sorted((name, found) for name, found in registry.view_models.items() if name not in broken)
    rows = [_view_model(name, declaration, app_version) for name, declaration in known]
    _upsert(connection, ViewModelRecord, rows, OPERATORS)
    keep_known(connection, [name for name, _ in known], seconds)
    unloadable.pause(connection, broken, app_version)
    unloadable.lift(connection, {name for name, _ in known})
    if app_version:
        _version(connection, app_version, [name for name, _ in known])
    kept = frozenset(("kind", "first_seen_at"))
    _upsert(connection, TicketKind, kinds.rows_of(Ticket.__mapper__), kept, key="kind")
    roots = sorted(registry.root_classes.items())
    _upsert(
        connection,
        RootClass,
        [
            {
                "name": name,
                "key_columns": key_columns(found),
                "former_names": list(found.former_names) if name == found.name else None,
                "link": found.link,
            }
            for name, found in roots
        ],
        frozenset(("name", "first_seen_at")),
    )
    planting.write(connection, registry.schedules.values(), app_version, seconds)
    queues = sorted({declaration.queue for declaration in registry.view_models.values()})
    name_queues(connection, queues)


def keep_known(connection: Connection, names: Iterable[str], seconds: float = KNOWN_SECONDS) -> None:
    """Say that these view models are known to a live worker for so many seconds more."""
    rows = [{"this": name} for name in sorted(set(names))]
    if rows:
        connection.execute(
            update(ViewModelRecord)
            .where(ViewModelRecord.name == bindparam("this"))
            .values(known_until=later(timedelta(seconds=seconds))),
            rows,
            execution_options={"synchronize_session": False},
        )


def _version(connection: Connection, app_version: str, names: list[str]) -> None:
    """The version's row; its first appearance is never touched."""
    insert = _dialect(connection).insert(Version)
    values = {"app_version": app_version[:100], "view_models": names, "last_seen_at": stamp()}
    taken = {name: values[name] for name in ("view_models", "last_seen_at")}
    connection.execute(
        insert.values(values).on_conflict_do_update(index_elements=["app_version"], set_=taken)
    )


def keep_all_known(connection: Connection, registry: Registry, seconds: float = KNOWN_SECONDS) -> None:
    """The same of all that the registry declares, its schedules too."""
    keep_known(connection, registry.view_models, seconds)
    planting.keep_known(connection, registry.schedules, seconds)


def _view_model(name: str, declaration: Declaration, app_version: str | None) -> dict[str, Any]:
    root = declaration.root_class
    return {
        "name": name,
        "sort": declaration.sort,
        "root_class": root.__name__ if root is not None else None,
        "queue": declaration.queue,
        "priority": declaration.priority,
        "lane": declaration.lane,
        "max_attempts": declaration.max_attempts,
        "timeout_seconds": declaration.timeout_seconds,
        "keep_receipt_minutes": declaration.keep_receipt_minutes,
        "transactional": declaration.transactional,
        "signature": declaration.signature(),
        "searchable": list(declaration.searchable) or None,
        "former_names": list(declaration.former_names) if name == declaration.name else None,
        "doc": declaration.doc,
        "in_charge": declaration.in_charge,
        "app_version": app_version,
    }


def _upsert(
    connection: Connection,
    table: type[Any],
    rows: list[dict[str, Any]],
    untouched: frozenset[str],
    key: str = "name",
) -> None:
    if not rows:
        return
    insert = _dialect(connection).insert(table)
    taken = {name: insert.excluded[name] for name in rows[0] if name not in untouched}
    connection.execute(insert.on_conflict_do_update(index_elements=[key], set_=taken), rows)


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
