"""Pictures of every page, for a person to look at: `python docs/pictures/every_page.py FOLDER [--entry LINK]`

Each page in light and dark at 1280 px and light at 360 px, by the environment of the tests. It starts the
demonstration with some trouble in it, unless LINK is the first administrator's link of a console that runs.
The pages are found by following links from `/`, one of each kind, so that there is no list to keep in step.
"""

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright
from take import full, trouble

from tests.browser.house import House, running_house, wait_for
from tests.browser.test_the_shop_breaks_and_is_mended import enter
from tests.servers.chromium import find_chromium

LOOKS = (("light", 1280), ("dark", 1280), ("light", 360))
KINDS_MOST = 120


@contextmanager
def shown(entry: str | None) -> Iterator[House]:
    """The console of this link, or a demonstration that has had its first day."""
    if entry:
        yield House(entry.partition("/first-entry")[0], "", entry, Path(), Path())
        return
    with tempfile.TemporaryDirectory() as folder, running_house(Path(folder), {}) as house:
        wait_for(lambda: full(house), 300, house.log)
        trouble(house)
        yield house


def kind(path: str) -> str:
    """What pages have in common that differ only by their subject: numbers and names are left out."""
    split = urlsplit(path)
    parts = [re.sub(r"^(\d+|[0-9a-f]{16,}|.*[!%].*)$", "*", part) for part in split.path.split("/")]
    if len(parts) > 2 and parts[1] in ("queues", "view-models", "schedules"):
        parts[2] = "*"
    keys = sorted({pair.partition("=")[0] for pair in split.query.split("&") if pair})
    tabs = re.findall(r"(?:^|&)(tab=[^&]+)", split.query)
    return "/".join(parts) + "?" + "&".join(tabs or keys)


def pages(page: Page, origin: str) -> dict[str, str]:
    """One path of each kind that links lead to, beginning at `/`."""
    found, waiting = {kind("/"): "/"}, ["/"]
    while waiting and len(found) < KINDS_MOST:
        answer = page.goto(origin + waiting.pop(0))
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        for href in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
            path = href.removeprefix(origin).partition("#")[0]
            if (
                href.startswith(origin)
                and not path.endswith((".json", "/export"))
                and kind(path) not in found
            ):
                found[kind(path)] = path
                waiting.append(path)
    return found


def shoot(browser: Browser, state: object, origin: str, paths: dict[str, str], folder: Path) -> None:
    """Every page in every look, as PNG files."""
    for theme, width in LOOKS:
        context = browser.new_context(
            viewport={"width": width, "height": 860 if width > 400 else 740},
            color_scheme=theme,  # type: ignore[arg-type]
            storage_state=state,  # type: ignore[arg-type]
        )
        page = context.new_page()
        for path in paths.values():
            page.goto(origin + path)
            page.wait_for_timeout(300)
            name = re.sub(r"[^a-z0-9=]+", "-", path.lower()).strip("-")[:80] or "overview"
            page.screenshot(path=folder / f"{name}.{theme}-{width}.png", full_page=True)
        context.close()


def main() -> None:
    """Find the pages, shoot them, tell how many there are."""
    parser = argparse.ArgumentParser(description="pictures of every page of the console")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entry", help="a running console's link for the first administrator")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with shown(given.entry) as house, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        enter(page, house, "olivia")
        paths = pages(page, house.console)
        shoot(browser, context.storage_state(), house.console, paths, given.folder)
        browser.close()
    print(f"{len(paths)} pages, {len(LOOKS)} looks each, in {given.folder}")


if __name__ == "__main__":
    main()
