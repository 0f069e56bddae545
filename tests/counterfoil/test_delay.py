"""When something is to be done later (O11)."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from counterfoil.columns import NaiveTime
from counterfoil.delay import Until, WrongDelay

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (Until(), None),
        (Until("now", later=HOUR), datetime(2026, 11, 20, 13, tzinfo=UTC)),
        (Until("now", earlier=HOUR), None),
        (Until("next day"), datetime(2026, 11, 21, tzinfo=UTC)),
        (Until("next day", zone="Europe/Berlin"), datetime(2026, 11, 20, 23, tzinfo=UTC)),
        (Until("next day", zone="Pacific/Kiritimati"), datetime(2026, 11, 21, 10, tzinfo=UTC)),
        (Until("next week"), datetime(2026, 11, 23, tzinfo=UTC)),
        (Until("next month", later=6 * HOUR), datetime(2026, 12, 1, 6, tzinfo=UTC)),
        (Until("next year", earlier=HOUR), datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (Until(date(2026, 12, 24), zone="Europe/Berlin"), datetime(2026, 12, 23, 23, tzinfo=UTC)),
        (Until(date(2020, 1, 1)), None),
        (Until(datetime(2026, 11, 20, 12, 30, tzinfo=UTC)), datetime(2026, 11, 20, 12, 30, tzinfo=UTC)),
        (Until(lambda root: root.due, earlier=timedelta(days=2)), datetime(2026, 12, 22, tzinfo=UTC)),
        (Until(lambda root: None), None),
        (Until(lambda root: "next day"), datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_an_instant_is_computed_and_the_past_is_now(until: Until, expected: datetime | None) -> None:
    assert until.at(SimpleNamespace(due=date(2026, 12, 24)), NOON) == expected


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        # The night in which Berlin's clocks go forward, and the one in which they go back.
        (datetime(2027, 3, 27, 12, tzinfo=UTC), "Europe/Berlin", datetime(2027, 3, 27, 23, tzinfo=UTC)),
        (datetime(2027, 3, 28, 12, tzinfo=UTC), "Europe/Berlin", datetime(2027, 3, 28, 22, tzinfo=UTC)),
        # Beirut's summer time begins at midnight: that day starts at one o'clock.
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
        (datetime(2028, 2, 28, 12, tzinfo=UTC), "UTC", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_next_day_starts_where_the_zone_says(now: datetime, zone: str, expected: datetime) -> None:
    assert Until("next day", zone=zone).at(None, now) == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        {"what": "tomorrow"},
        {"what": 5},
        {"earlier": -HOUR},
        {"later": 3600},
        {"zone": "Berlin"},
        {"zone": "../etc"},
    ],
)
def test_nonsense_is_refused_where_it_is_declared(nonsense: Any) -> None:
    with pytest.raises(WrongDelay):
        Until(**nonsense)


def test_naive_times_and_other_returns_are_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(NaiveTime):
        Until(naive)
    with pytest.raises(NaiveTime):
        Until(lambda root: naive).at(None, NOON)
    with pytest.raises(WrongDelay, match="returned 7"):
        Until(lambda root: 7).at(None, NOON)
    with pytest.raises(WrongDelay, match="9999"):
        Until(date(9999, 12, 31), later=timedelta(days=400)).at(None, NOON)
