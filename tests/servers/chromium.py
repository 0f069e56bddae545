"""The Chromium that browser tests drive; Playwright's own download is not needed."""

import os
import shutil

from .process import ServerDidNotStart

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Its path: TEST_CHROMIUM, else the first of the usual names on PATH.

    Raises:
        ServerDidNotStart: there is none.
    """
    if given := os.environ.get("TEST_CHROMIUM"):
        return given
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise ServerDidNotStart("no Chromium found: apt-get install chromium, or name one in TEST_CHROMIUM")
