"""A view model that is declared and cannot be loaded: the product pauses it, and lifts that on a fix.

Its tickets wait aside with the cause, instead of using up their attempts; the application's other view models
run. (The ERP that the product descends from calls it a blacklist.) When a worker starts that can load it, the
pause ends by itself; a person may end it before, and a person's own pause is never touched.
"""

import logging
from typing import Any

from sqlalchemy import Connection, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapper

from .acts import Actor, Refused
from .declaration import Declaration
from .errors import safe
from .pauses import pause_view_model, resume_view_model
from .tables import ViewModelRecord

log = logging.getLogger("counterfoil.worker")

PRODUCT = "counterfoil"
REASON_LIMIT = 2000
AGAIN = "it can be loaded again"


def told_unloadable(declaration: Declaration) -> str | None:
    """Why it cannot be loaded: its parameters or its root class's mapping; None when it can."""
    try:
        declaration.signature()
        mapped = declaration.root_class and inspect(declaration.root_class, raiseerr=False)
        if isinstance(mapped, Mapper):
            assert mapped.attrs is not None  # configures the mapping: raises what is wrong with it
    except Exception as error:
        return safe(f"{type(error).__name__}: {error}", REASON_LIMIT)
    return None


def pause(connection: Connection, broken: dict[str, str], app_version: str | None) -> None:
    """Pause these view models (name -> why), unless they are paused already."""
    if not broken:
        return
    made: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{"name": name, "sort": "unknown", "app_version": app_version} for name in sorted(broken)]
    connection.execute(made(ViewModelRecord).on_conflict_do_nothing(), rows)
    paused = _paused(connection, broken)
    for name, why in sorted(broken.items()):
        log.error("the view model %s cannot be loaded and is paused: %s", name, why)
        if name not in paused:
            version = f" (version {app_version})" if app_version else ""
            told = f"it cannot be loaded{version}: {why}"
            pause_view_model(connection, name, Actor(PRODUCT, "worker"), told)


def lift(connection: Connection, loaded: set[str]) -> None:
    """Resume those of these that the product itself had paused."""
    paused = _paused(connection, loaded)
    for name in sorted(name for name, by in paused.items() if by == PRODUCT):
        try:
            resume_view_model(connection, name, Actor(PRODUCT, "worker"), AGAIN)
        except Refused:
            continue
        log.info("the view model %s can be loaded again and goes on", name)


def _paused(connection: Connection, names: Any) -> dict[str, str | None]:
    query = select(ViewModelRecord.name, ViewModelRecord.paused_by).where(
        ViewModelRecord.paused, ViewModelRecord.name.in_(sorted(names))
    )
    return {row.name: row.paused_by for row in connection.execute(query)}
