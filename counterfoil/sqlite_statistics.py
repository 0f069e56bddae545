"""Statistics for SQLite's planner, written with the schema instead of gathered.

SQLite gathers none by itself, and without them it takes `state IN (...)` for the best index there is: a purge
that finds nothing then read every receipt (tried: 0.6 s a beat at 300,000). ANALYZE on an empty table would
say that all indexes are alike, on a full one it takes the write lock for seconds. So these are fixed, as
SQLite's documentation allows for stable plans: the figures of a table of 850,000 tickets, most of them
receipts. A later ANALYZE replaces them.
"""

from sqlalchemy import Connection, text

TICKETS = "counterfoil_tickets"

NO_SKIP_SCAN = "noskipscan"
"""Else an index is walked once for each value of a first column that the question does not name."""

STATISTICS = {
    "aside": "219000 73000 2434 1",
    "claim": "174000 21750 4350 1 1",
    "deadline": "9760 1 1",
    "errored": "22000 22000 6 1 1 1 1 1 1 1 1 1",
    "final": "637000 159250 6 1",
    "fingerprint": "22000 110 1",
    "held": "1000 1 1",
    "kept": "2000 1 1",
    "lane": "8 1",
    "leaving": "37000 1 1",
    "purge": "635000 2 1",
    "retrying": "20000 1 1",
    "root": "857016 4 1",
    "running": "16 1 1",
    "turn": "4000 1 1 1 1",
    "unclaimed": "199000 2 1",
    "view_model": "857016 28568 4487 1",
    "wait": "40000 10 2 2 1 1",
}
"""Index of the tickets -> sqlite_stat1.stat: its rows, then rows for each distinct prefix."""


def write(connection: Connection) -> None:
    """Write them for the indexes that are there; an upgrade replaces what was gathered. Commits."""
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("ANALYZE counterfoil_alembic_version")  # makes the table sqlite_stat1
    there = set(
        connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = :table"),
            {"table": TICKETS},
        ).scalars()
    )
    connection.execute(text("DELETE FROM sqlite_stat1 WHERE tbl = :table"), {"table": TICKETS})
    for name, stat in STATISTICS.items():
        index = f"{TICKETS}_{name}"
        if index in there:
            connection.execute(
                text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:table, :index, :stat)"),
                {"table": TICKETS, "index": index, "stat": f"{stat} {NO_SKIP_SCAN}"},
            )
    connection.commit()
