"""What a database's own catalogue says about our tables, as comparable text."""

import re
from typing import Any

from sqlalchemy import Connection, inspect, text

from counterfoil.schema import VERSION_TABLE

POSTGRESQL = {
    "columns": """
SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END || ' generated ' || a.attgenerated::text
  || ' identity ' || a.attidentity::text || ' default ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relname LIKE 'counterfoil%'""",
    "constraints": """
SELECT c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relname LIKE 'counterfoil%'""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'counterfoil%'",
    "triggers": """
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relname LIKE 'counterfoil%'""",
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'counterfoil%'",
}


def catalogue(connection: Connection) -> dict[str, set[str]]:
    """Columns with types and server defaults, CHECKs and keys, indexes with predicates, triggers."""
    read = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    return {
        kind: {_plain(line) for line in lines if VERSION_TABLE not in line}
        for kind, lines in read(connection).items()
    }


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _postgresql(connection: Connection) -> dict[str, list[str]]:
    return {
        kind: [str(line) for line in connection.execute(text(query)).scalars()]
        for kind, query in POSTGRESQL.items()
    }


def _sqlite(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"columns": [], "constraints": []}
    inspector: Any = inspect(connection)
    for table in inspector.get_table_names():
        if not table.startswith("counterfoil"):
            continue
        for _, *column in connection.exec_driver_sql(f"PRAGMA table_xinfo({table})"):
            found["columns"].append(f"{table} {column}")
        for check in inspector.get_check_constraints(table):
            found["constraints"].append(f"{table} {check['name']} {check['sqltext']}")
        for unique in inspector.get_unique_constraints(table):
            found["constraints"].append(f"{table} {unique['name']} {unique['column_names']}")
        for foreign in inspector.get_foreign_keys(table):
            found["constraints"].append(f"{table} {sorted(foreign.items(), key=str)}")
        found["constraints"].append(f"{table} {inspector.get_pk_constraint(table)}")
        (sql,) = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").scalars()
        generated = re.findall(r"GENERATED ALWAYS AS.*", sql)
        found["constraints"].append(f"{table} {'AUTOINCREMENT' in sql} {generated}".rstrip(","))
    for kind in ("index", "trigger"):
        rows = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name LIKE 'counterfoil%' "
            f"AND type = '{kind}'"
        )
        found[kind] = list(rows.scalars())
    return found
