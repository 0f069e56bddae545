"""Times as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from console.times import UNITS, duration, iso, relative, told

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "now"),
        (-0.9, "now"),
        (-1, "1 second ago"),
        (-89, "89 seconds ago"),
        (-91, "2 minutes ago"),
        (-3600, "60 minutes ago"),
        (-5401, "2 hours ago"),
        (7200, "in 2 hours"),
        (86400 * 1.4, "in 34 hours"),
        (86400 * 2, "in 2 days"),
        (86400 * 30, "in 4 weeks"),
        (86400 * 400, "in 13 months"),
        (-86400 * 800, "2 years ago"),
    ],
)
def test_a_time_is_told_from_now(seconds: float, said: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == said


def test_units_go_down_to_one_second() -> None:
    sizes = [unit[0] for unit in UNITS]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_machines_read_utc() -> None:
    assert iso(NOW.astimezone(UTC)) == "2026-03-29T01:30:00.000Z"


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (12_300, "12.3 s"),
        (260_000, "4 min 20 s"),
        (11_100_000, "3 h 5 min"),
        (None, "\N{EN DASH}"),
    ],
)
def test_a_duration_is_told(milliseconds: float | None, said: str) -> None:
    assert duration(milliseconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "\N{EN DASH}"), (True, "yes"), (0, "0"), ("x" * 200, "x" * 119 + "…"), ({"a": 1}, "{'a': 1}")],
)
def test_a_value_of_the_trail_is_told(value: object, said: str) -> None:
    assert told(value) == said
