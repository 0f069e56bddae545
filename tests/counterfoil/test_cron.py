"""Cron lines in time zones, over changes of the clock (O26, F30)."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from counterfoil.cron import WrongCron, check, fires, latest_fire, next_fire


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("Europe/Berlin", 2),  # skipped in March, twice in October
        ("America/Santiago", 0),  # midnight itself is skipped, and comes twice
        ("Australia/Lord_Howe", 2),  # the clock changes by half an hour
        ("America/New_York", 1),
        ("UTC", 0),
    ],
)
def test_a_daily_line_fires_once_every_local_day_of_a_leap_year(zone: str, hour: int) -> None:
    found = islice(fires(f"15 {hour} * * *", zone, at("2027-12-31T23:59", zone)), 366)
    days = [fire.astimezone(ZoneInfo(zone)).date() for fire in found]
    assert days == [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]


@pytest.mark.parametrize("minutes", range(0, 240, 10))
def test_wherever_the_reckoning_begins_the_hour_that_comes_twice_fires_once(minutes: int) -> None:
    """A scheduler that starts in the second coming of 02:30 must not fire for it again."""
    begin = at("2026-10-25T01:00", "Europe/Berlin") + timedelta(minutes=minutes)
    fire = next_fire("30 2 * * *", "Europe/Berlin", begin)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 of summer time
    assert fire == (first if begin < first else datetime(2026, 10, 26, 1, 30, tzinfo=UTC))


def test_what_the_clock_skips_fires_right_after_it_and_elapsed_time_goes_on() -> None:
    assert next_fire("30 2 * * *", "Europe/Berlin", at("2026-03-29T00:00", "Europe/Berlin")) == datetime(
        2026, 3, 29, 1, 0, tzinfo=UTC
    )
    every = islice(fires("*/30 * * * *", "Europe/Berlin", datetime(2026, 3, 29, 0, 0, tzinfo=UTC)), 6)
    assert [fire.hour * 60 + fire.minute for fire in every] == [30, 60, 90, 120, 150, 180]


@pytest.mark.parametrize("line", ["* * * * *", "0 3 * * *", "0 0 1 1 *", "0 0 29 2 *"])
@pytest.mark.parametrize("days", [0.01, 0.5, 40, 800])
def test_the_latest_missed_fire_is_found_however_long_the_outage(line: str, days: float) -> None:
    now = datetime(2028, 6, 15, 12, 30, 30, tzinfo=UTC)
    first = next_fire(line, "Europe/Berlin", now - timedelta(days=days))
    assert first is not None
    if first > now:
        return
    found = latest_fire(line, "Europe/Berlin", first, now)
    following = next_fire(line, "Europe/Berlin", found)
    assert found <= now
    assert following is None or following > now


@pytest.mark.parametrize(
    ("line", "zone", "words"),
    [
        ("0 3 * *", "UTC", "has 4 fields"),
        ("0 0 3 * * *", "UTC", "has 6 fields"),
        ("0 25 * * *", "UTC", "Bad hour"),
        ("often", "UTC", "has 1 field,"),
        ("0 0 31 2 *", "UTC", "Bad day-of-month"),
        ("0 3 * * *", "Europe/Atlantis", "no time zone"),
        ("0 3 * * *", "../etc/passwd", "no time zone"),
        ("0 3 * * *", "", "no time zone"),
    ],
)
def test_a_bad_line_or_zone_is_refused_with_the_cure(line: str, zone: str, words: str) -> None:
    with pytest.raises(WrongCron, match=words):
        check(line, zone)


def test_the_calendar_ends() -> None:
    assert next_fire("0 3 * * *", "UTC", datetime(9999, 12, 31, 12, tzinfo=UTC)) is None
