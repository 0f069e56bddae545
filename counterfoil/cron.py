"""When a cron line fires in a time zone.

Five fields as cron(5) has them; what is fixed to an hour follows Debian's cron over changes of the clock: a
time that the change skips fires right after it, one that comes twice fires at its first coming, so a daily
line fires once a local day. Lines with `*` in the minutes or hours follow the elapsed time. The reckoning is
the cronsim library's.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
LOOKS_BACK = tuple(map(timedelta, (1 / 24, 1, 32, 366)))


class WrongCron(ValueError):
    """A cron line or a time zone that cannot be read; the text has the cure."""


def fires(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The fires later than `after` (an aware time), in UTC, in their order. Raises WrongCron.

    They end with the calendar, or when 50 years have none.
    """
    try:
        simulated = CronSim(cron, after.astimezone(zone_of(zone)))
        latest = after
        for fire in simulated:
            instant = fire.astimezone(UTC)
            # Within the hour that comes twice the library begins with what has been already.
            if instant > latest:
                latest = instant
                yield instant
    except CronSimError as error:
        raise WrongCron(
            f"{cron!r} is no cron line ({error}): write minute, hour, day of month, month, day of week, for "
            "example '0 3 * * *'"
        ) from None
    except OverflowError:
        return


def next_fire(cron: str, zone: str, after: datetime) -> datetime | None:
    """The first fire later than `after`, None when there is none. Raises WrongCron."""
    return next(fires(cron, zone, after), None)


def latest_fire(cron: str, zone: str, first: datetime, now: datetime) -> datetime:
    """The last fire until `now` of those from `first`, itself a fire, on. Raises WrongCron.

    Looks back further and further, so that a year of missed minutes costs no more than an hour of them.
    """
    for back in (*(now - far for far in LOOKS_BACK), first):
        if back >= first:
            found = [*takewhile(lambda fire: fire <= now, fires(cron, zone, back))]
            if found:
                return found[-1]
    return first


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises WrongCron."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise WrongCron(
            f"{name!r} is no time zone: write its IANA name, for example 'Europe/Berlin'"
        ) from None


def check(cron: str, zone: str) -> None:
    """Raises WrongCron unless the line has five fields and fires some day."""
    zone_of(zone)
    if (count := len(cron.split())) != FIELDS:
        raise WrongCron(
            f"{cron!r} has {count} field{'s' * (count != 1)}, a cron line has five: minute, hour, "
            "day of month, month, day of week, for example '0 3 * * *'"
        )
    if next_fire(cron, zone, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise WrongCron(f"{cron!r} never fires: no month has that day")
