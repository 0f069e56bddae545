"""Takes README's picture anew: `python docs/pictures/take.py`, in the environment of the tests.

Starts the demonstration on free ports, waits until its visitors have filled every list, orders a little
trouble, and shoots the console's list.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from playwright.sync_api import sync_playwright  # noqa: E402
from sqlalchemy import create_engine  # noqa: E402

from examples.shop.visitor import Visitor  # noqa: E402
from examples.shop.weather import DANGEROUS, FERRY_LESS  # noqa: E402
from tests.browser.house import House, running_house, wait_for  # noqa: E402
from tests.browser.test_demo_traffic import counts  # noqa: E402
from tests.browser.test_the_shop_breaks_and_is_mended import enter  # noqa: E402
from tests.servers.chromium import find_chromium  # noqa: E402

SIZE = {"width": 1280, "height": 860}
CUSTOMERS = 130
"""When so many are there, the shop's first day is over."""


def full(house: House) -> bool:
    """Whether the first day is over and every list has something."""
    engine = create_engine(f"sqlite:///{house.data / 'counterfoil.sqlite3'}")
    try:
        made = Visitor(house.shop).look("/status.json")["customers"]
        return made > CUSTOMERS and 0 not in counts(engine).values()
    finally:
        engine.dispose()


def trouble(house: House) -> None:
    """What makes a list worth a look."""
    visitor = Visitor(house.shop)
    form = visitor.press("/forms", name="Grace Hopper", email="grace@hoper.invalid").rpartition("/")[2]
    errored = "SELECT 1 FROM counterfoil_tickets WHERE root_id = ? AND state = 'errored'"
    wait_for(lambda: house.read(errored, f"CardForm!{form}"), 120, house.log)
    visitor.press("/orders", article="Difference engine", country=FERRY_LESS)
    visitor.press("/orders", article="Slide rule", pay="later")
    visitor.press("/orders", article=DANGEROUS, quantity=40)
    visitor.press("/till/mistake")
    wait_for(lambda: len(house.read(errored, "Customer!99999999")) > 1, 120, house.log)


def main() -> None:
    """Write console.png beside this file."""
    folder = tempfile.TemporaryDirectory()
    with folder, running_house(Path(folder.name), {}) as house, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        enter(page, house, "olivia")
        wait_for(lambda: full(house), 300, house.log)
        trouble(house)
        page.goto(f"{house.console}/tickets")
        page.wait_for_timeout(1500)
        page.screenshot(path=HERE / "console.png")
        browser.close()


if __name__ == "__main__":
    main()
