"""The Chromium that browser tests drive; Playwright's own download is not needed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import ServerDidNotStart

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 60_000
"""For what a page comes to show: no promise, but more than a busy machine needs."""


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


@contextmanager
def running(path: str) -> Iterator["Browser"]:
    """A browser; what is expected of its pages is waited for."""
    from playwright.sync_api import expect, sync_playwright  # a third of a second that most runs do not need

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=2 * PATIENCE_MS
        )
        yield made
        made.close()
