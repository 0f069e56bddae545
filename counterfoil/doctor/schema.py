"""Findings about the schema: its revision, and the triggers that decide turns and guard the trail."""

import re
from collections.abc import Iterator

from sqlalchemy import Engine, text

from .. import schema
from ..triggers import TRIGGERS
from .finding import Finding

_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def revision(engine: Engine) -> Iterator[Finding]:
    """The database's revision, when it is not the one that this code needs."""
    try:
        at = schema.check_not_newer(engine)
    except schema.SchemaOutOfDate as newer:
        yield Finding("schema", f"the database is newer than this code: {newer}", "install the newer version")
        return
    if at != schema.head():
        state = f"at revision {at}" if at else "without Counterfoil's tables"
        yield Finding(
            "schema",
            f"the database is {state}, this code needs {schema.head()}",
            "run `counterfoil db upgrade`",
        )


def triggers(engine: Engine) -> Iterator[Finding]:
    """Triggers that are missing or switched off."""
    dialect = engine.dialect.name
    wanted = set(re.findall(r"CREATE TRIGGER (\w+)", "\n".join(TRIGGERS[dialect])))
    with engine.connect() as connection:
        there = set(connection.execute(text(_INSTALLED[dialect])).scalars())
    for name in sorted(wanted - there):
        yield Finding(
            "triggers",
            f"the trigger {name} is missing or switched off, so tickets are opened without a turn, the trail "
            "can be changed or a search misses some",
            "restore it: the migrations printed by `counterfoil db sql` hold its text"
            + (" (switched off: ALTER TABLE ... ENABLE TRIGGER)" if dialect == "postgresql" else ""),
        )
