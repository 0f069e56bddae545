"""``python -m tests.servers.installed postgresql|redis|chromium``: exit 0 when it is here. For bin/test."""

import sys

from .chromium import find_chromium
from .postgres import find_binaries
from .process import ServerDidNotStart
from .redis import find_binary

FINDERS = {"postgresql": find_binaries, "redis": find_binary, "chromium": find_chromium}

if __name__ == "__main__":
    try:
        FINDERS[sys.argv[1]]()
    except ServerDidNotStart as error:
        sys.exit(str(error))
