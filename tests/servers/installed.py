"""``python -m tests.servers.installed WHAT``: exit 0 when what the tests need is here. For bin/test."""

import sys

from tests.plain_sql.clients import find_node, find_psql

from .chromium import find_chromium
from .pgbouncer import find_pgbouncer
from .postgres import find_binaries
from .process import ServerDidNotStart
from .redis import find_binary

FINDERS = {
    "postgresql": find_binaries,
    "redis": find_binary,
    "chromium": find_chromium,
    "psql": find_psql,
    "node": find_node,
    "pgbouncer": find_pgbouncer,
}

if __name__ == "__main__":
    try:
        FINDERS[sys.argv[1]]()
    except ServerDidNotStart as error:
        sys.exit(str(error))
