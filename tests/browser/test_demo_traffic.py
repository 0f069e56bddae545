"""The demonstration: within 60 s no tab of the console's list is empty."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, select

from counterfoil import Ticket
from counterfoil.tabs import TABS
from tests.browser.house import running_house

SECONDS = 60


def counts(engine: Engine) -> dict[str, int]:
    """How many tickets each tab lists now."""
    now = datetime.now(UTC)
    with engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(Ticket).where(*tab.conditions(now))) or 0
            for name, tab in TABS.items()
            if name != "leaving"  # the second list of the tab expiring
        }


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_no_tab_is_empty_within_a_minute_of_the_start(tmp_path: Path) -> None:
    with running_house(tmp_path, {}) as house:
        engine = create_engine(f"sqlite:///{house.data / 'counterfoil.sqlite3'}")
        end = time.monotonic() + SECONDS
        while 0 in (found := counts(engine)).values() and time.monotonic() < end:
            time.sleep(0.5)
        engine.dispose()
        assert [tab for tab, number in found.items() if not number] == []
        assert found["all"] > 100
