"""What the code knows, written to the tables: the insert trigger and the console read it, plain SQL uses it.

A worker writes its whole registry when it starts and pushes `known_until` ahead while it lives. Rows of view
models that no live worker knows stay, with `known_until` in the past. What operators set - route, pause - is
never touched.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from .clock import later
from .registry import Declaration, Registry
from .roots import key_columns
from .tables import Queue, RootClass, ViewModelRecord

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
    """Upsert every view model (former names too), root class and queue of the registry.

    Rows are written in the order of their names, so that workers starting together do not deadlock.
    """
    known = sorted(registry.view_models.items())
    rows = [_view_model(name, declaration, app_version) for name, declaration in known]
    _upsert(connection, ViewModelRecord, rows, OPERATORS)
    keep_known(connection, registry.view_models, seconds)
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


def name_queues(connection: Connection, names: Sequence[str]) -> None:
    """Make sure that these queues have a row; a queue exists when a worker or a view model names it."""
    if names:
        connection.execute(
            _dialect(connection).insert(Queue).on_conflict_do_nothing(), [{"name": name} for name in names]
        )


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
        "former_names": list(declaration.former_names) if name == declaration.name else None,
        "doc": declaration.doc,
        "in_charge": declaration.in_charge,
        "app_version": app_version,
    }


def _upsert(
    connection: Connection, table: type[Any], rows: list[dict[str, Any]], untouched: frozenset[str]
) -> None:
    if not rows:
        return
    insert = _dialect(connection).insert(table)
    taken = {name: insert.excluded[name] for name in rows[0] if name not in untouched}
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=taken), rows)


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
