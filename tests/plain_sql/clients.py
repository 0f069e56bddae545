"""The programs that insert tickets by plain SQL: PostgreSQL's own client, and another language's."""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

from tests.servers.postgres import find_binaries
from tests.servers.process import ServerDidNotStart

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60


def find_node() -> str:
    """Node, with the package that tests/plain_sql/package.json names.

    Raises:
        ServerDidNotStart: one of them is missing; with the line that installs it.
    """
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        raise ServerDidNotStart("no Node found: apt-get install nodejs npm")
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]["pg"]
    manifest = HERE / "node_modules" / "pg" / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != wanted:
        raise ServerDidNotStart(f"Node's pg {wanted} is not installed: npm ci --prefix {HERE}")
    return node


def find_psql() -> str:
    """PostgreSQL's client, on PATH or beside its server.

    Raises:
        ServerDidNotStart: there is none.
    """
    found = shutil.which("psql")
    if found is None:
        with suppress(ServerDidNotStart):
            found = shutil.which("psql", path=str(find_binaries()))
    if found is None:
        raise ServerDidNotStart("no psql found: apt-get install postgresql-client")
    return found


def insert_by_psql(url: str, view_model: str, root_id: str) -> int:
    """The ticket's id."""
    command = [find_psql(), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", _plain(url)]
    command += ["-v", f"view_model={view_model}", "-v", f"root_id={root_id}"]
    insert = "INSERT INTO counterfoil_tickets (view_model, root_id) VALUES (:'view_model', :'root_id')"
    return _printed(command, given=f"{insert} RETURNING id;\n")


def insert_by_node(url: str, view_model: str, root_id: str) -> int:
    """The ticket's id."""
    command = [find_node(), str(HERE / "insert.js"), view_model, root_id]
    return _printed(command, DATABASE_URL=_plain(url))


def _printed(command: list[str], given: str = "", **environment: str) -> int:
    done = subprocess.run(
        command,
        input=given,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
