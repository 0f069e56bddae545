"""A large table in the layouts that tempt a planner, and what a statement touches in it.

Touched are pages on PostgreSQL, steps of the virtual machine on SQLite: unlike times they are the same on a
busy machine.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from counterfoil.declaration import Declaration
from tests.counterfoil.core import know

LAYOUTS = ("delayed", "one busy lane", "busy lanes", "stale turns", "paused", "kept")
BUSY_LANES = 998
CLAIMABLE = 200

_COLUMNS = "view_model, queue, priority, max_attempts, keep_receipt_minutes, turn"
_BEFORE = {"postgresql": "clock_timestamp() - interval '1 day'", "sqlite": "'2001-01-01 00:00:00.000000'"}
_AHEAD = {"postgresql": "clock_timestamp() + interval '1 day'", "sqlite": "'2099-01-01 00:00:00.000000'"}


def fill(engine: Engine, layout: str, rows: int) -> None:
    """Lay out `rows` tickets that are in the way, and behind them some that can be claimed; ANALYZE."""
    dialect = engine.dialect.name
    for name in ("T.front", "T.other"):
        know(engine, Declaration(name=name, sort="target", callables=()))
    before, ahead = _BEFORE[dialect], _AHEAD[dialect]
    columns, values = {
        "delayed": ("execute_earliest", ahead),
        "one busy lane": ("lane", "'lane 0'"),
        "busy lanes": ("lane", "'lane ' || (i % 1000)"),
        "stale turns": ("lane", "'lane ' || (i % 1000)"),
        "paused": ("aside, aside_since", f"'paused', {before}"),
        "kept": ("state, done, delete_time, kept", f"'done', {before}, {before}, {ahead}"),
    }[layout]
    turn = "true" if layout == "delayed" else "false"
    running = {"one busy lane": 1, "busy lanes": BUSY_LANES, "stale turns": BUSY_LANES}.get(layout, 0)
    with engine.begin() as connection:
        _many(connection, rows, f"{_COLUMNS}, {columns}", f"'T.front', 'default', 5, 5, 10, {turn}, {values}")
        _many(
            connection, running, f"{_COLUMNS}, lane, state, fence, drain_id",
            f"'T.front', 'default', 5, 5, 10, false, 'lane ' || (i - {running == 1:d}), 'running', 'f', 'd'",
        )  # fmt: skip
        _many(connection, CLAIMABLE, _COLUMNS, "'T.other', 'default', 5, 5, 10, true")
        if layout == "stale turns":
            sql = f"UPDATE counterfoil_tickets SET turn = true WHERE state = 'pending' AND id <= {BUSY_LANES}"
            connection.execute(text(sql))
        if layout == "paused":
            connection.execute(
                text("UPDATE counterfoil_view_models SET paused = true WHERE name = 'T.front'")
            )
        connection.execute(
            text(f"INSERT INTO counterfoil_drains (id, queue, until) VALUES ('d', 'default', {ahead})")
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if dialect == "postgresql" else "ANALYZE")


def _many(connection: Connection, count: int, columns: str, values: str) -> None:
    numbers = f"generate_series(1, {count}) AS n(i)"
    if connection.dialect.name == "sqlite":
        counted = f"SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}"
        numbers = f"(WITH RECURSIVE n(i) AS ({counted}) SELECT i FROM n)"
    if count:
        connection.execute(
            text(f"INSERT INTO counterfoil_tickets ({columns}) SELECT {values} FROM {numbers}")
        )


@dataclass(frozen=True)
class Touched:
    """What one statement used: the indexes of the tickets, pages or steps, and what must not be in a plan."""

    statement: str
    indexes: frozenset[str]
    amount: int
    wrong: tuple[str, ...]


def touched(engine: Engine, call: Callable[[Connection], object]) -> list[Touched]:
    """Run `call` in a transaction that is rolled back, then explain each statement about tickets."""
    with _written_down(engine) as statements, engine.connect() as connection:
        call(connection)
        connection.rollback()
    about = [(sql, given) for sql, given in statements if "counterfoil_tickets" in sql]
    explain = _explain_postgresql if engine.dialect.name == "postgresql" else _explain_sqlite
    with engine.connect() as connection:
        found = []
        for sql, given in about:
            found.append(explain(connection, sql, given))
            connection.rollback()
        return found


@contextmanager
def _written_down(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    statements: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, sql: str, given: Any, context: Any, many: bool) -> None:
        statements.append((sql, given))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _explain_postgresql(connection: Connection, sql: str, given: Any) -> Touched:
    explained = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", given
    ).scalar_one()
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    nodes = list(_nodes(plan))
    of_tickets = [n for n in nodes if n.get("Relation Name") == "counterfoil_tickets"]
    wrong = [n["Node Type"] for n in of_tickets if n["Node Type"] in ("Seq Scan", "Bitmap Heap Scan")]
    wrong += [n["Node Type"] for n in nodes if n["Node Type"].startswith(("Hash Join", "Merge Join"))]
    return Touched(
        sql,
        frozenset(n["Index Name"] for n in nodes if "Index Name" in n),
        plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        tuple(wrong),
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _explain_sqlite(connection: Connection, sql: str, given: Any) -> Touched:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()
    lines = [str(row[-1]) for row in rows]
    # k, q: our own small CTEs; c: a head of 200 a priority; v: view models.
    wrong = [line for line in lines if re.match(r"SCAN (counterfoil_tickets|[fhnrtw])\b(?!.*INDEX)", line)]
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, 100)
    try:
        connection.exec_driver_sql(sql, given)
    finally:
        driver.set_progress_handler(None, 0)
    used = re.findall(r"INDEX (counterfoil_\w+)", "\n".join(lines))
    return Touched(sql, frozenset(used), steps, tuple(wrong))
