"""The scheduler's own row among the processes: its sign of life, its duties' books, what it sees of Redis."""

import os
import socket
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Float, bindparam, text

from counterfoil.clock import STAMP, after
from counterfoil.columns import Json


class ProcessRow:
    """One row, written at most once a second; without a sign of life for `lasts_seconds` it is gone."""

    def __init__(self, app_version: str | None, lasts_seconds: float) -> None:
        # Random: a host's name and a process id are used again.
        self.name = f"scheduler-{socket.gethostname()[:100]}-{os.getpid()}-{token_hex(4)}"
        self._app_version = app_version
        self._lasts_seconds = lasts_seconds

    def write(self, connection: Connection, duties: dict[str, Any], reachable: dict[str, Any]) -> None:
        """Say what there is to say, in the caller's transaction."""
        dialect = connection.dialect.name
        values = {
            "name": self.name,
            "host": socket.gethostname()[:200],
            "pid": os.getpid(),
            "version": self._app_version,
            "seconds": self._lasts_seconds,
            "duties": duties,
            "reachable": reachable,
        }
        types = (
            bindparam("seconds", type_=Float()),
            bindparam("duties", type_=Json),
            bindparam("reachable", type_=Json),
        )
        until = after(dialect, ":seconds")
        connection.execute(
            text(
                "INSERT INTO counterfoil_workers "
                "(name, sort, host, pid, app_version, seen_until, duties, reachable) VALUES "
                f"(:name, 'scheduler', :host, :pid, :version, {until}, :duties, :reachable) "
                f"ON CONFLICT (name) DO UPDATE SET seen_at = {STAMP[dialect]}, "
                "seen_until = excluded.seen_until, duties = excluded.duties, reachable = excluded.reachable"
            ).bindparams(*types),
            values,
        )

    def remove(self, connection: Connection) -> None:
        """At a clean end."""
        connection.execute(text("DELETE FROM counterfoil_workers WHERE name = :name"), {"name": self.name})
