"""One PgBouncer in transaction mode, on a free port, before a given PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from .postgres import as_owner
from .process import ServerDidNotStart, dies_with_its_parent, end, free_port, owner, start

SESSIONS = 5
"""Fewer than the clients of a test, so that they share."""


def find_pgbouncer() -> str:
    """Raises ServerDidNotStart: it is not installed."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        raise ServerDidNotStart("no PgBouncer found: apt-get install pgbouncer")
    return found


class PgBouncer:
    """`url_of(url)`: the same database through it."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self.folder = folder
        self.server = make_url(server_url)
        self.port = free_port()
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def url_of(self, url: str) -> str:
        through = make_url(url).set(host="127.0.0.1", port=self.port)
        return through.render_as_string(hide_password=False)

    def start(self) -> None:
        """Raises ServerDidNotStart: with the reason."""
        self.folder.mkdir(parents=True)
        self._write()
        command = dies_with_its_parent([find_pgbouncer(), str(self.folder / "pgbouncer.ini")])
        self.process = start(command, self._answers, self.log, cwd="/", **as_owner())

    def stop(self) -> None:
        """At once; its clients' connections end."""
        end(self.process, signal.SIGTERM)

    def _write(self) -> None:
        place = f"host={self.server.host} port={self.server.port or 5432}"
        (self.folder / "users").write_text(f'"{self.server.username}" "{self.server.password or ""}"\n')
        lines = ["[databases]", f"* = {place}", "[pgbouncer]", "pool_mode = transaction"]
        lines += ["listen_addr = 127.0.0.1", f"listen_port = {self.port}", "unix_socket_dir ="]
        lines += ["auth_type = trust", f"auth_file = {self.folder / 'users'}"]
        lines += [f"default_pool_size = {SESSIONS}", "max_client_conn = 200"]
        (self.folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        if ids := owner():
            self.log.touch()
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, *ids)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
