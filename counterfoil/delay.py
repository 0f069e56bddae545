"""When something is to be done later: an instant, the start of a next period, or a field of the root.

    Until("next day", zone="Europe/Berlin", later=timedelta(hours=6))
    Until(lambda offer: offer.ends_on, earlier=timedelta(days=2))

Each may be moved earlier or later; what is past means now. Source: the event tree's Delay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .columns import NaiveTime

PERIODS = ("now", "next day", "next week", "next month", "next year")


class WrongDelay(ValueError):
    """A delay that makes no sense; the text names the part and the cure."""


@dataclass(frozen=True)
class Until:
    """An instant to be computed when a ticket is opened.

    `what`: one of PERIODS, an aware datetime, a date (its start in `zone`), or a callable that gets the root
    and returns one of these or None (now). `earlier` and `later` move it. Raises WrongDelay, NaiveTime.
    """

    what: Any = "now"
    earlier: timedelta = timedelta()
    later: timedelta = timedelta()
    zone: str = "UTC"

    def __post_init__(self) -> None:
        known = isinstance(self.what, date | Callable) or self.what in PERIODS
        if not known:
            raise WrongDelay(
                f"until={self.what!r}: use one of {', '.join(PERIODS)}, a date, an aware datetime, or a "
                "function of the root that returns one"
            )
        if isinstance(self.what, datetime) and self.what.tzinfo is None:
            raise NaiveTime(self.what)
        for name in ("earlier", "later"):
            value = getattr(self, name)
            if not isinstance(value, timedelta) or value < timedelta():
                raise WrongDelay(f"{name}={value!r}: a timedelta that is not negative, please")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise WrongDelay(f"zone={self.zone!r} is no time zone: use a name like Europe/Berlin") from None

    @property
    def is_now(self) -> bool:
        """Whether it means now without a look at the clock."""
        return self.what == "now" and self.later <= self.earlier

    def at(self, root: Any, now: datetime) -> datetime | None:
        """The instant, None for now. `now` is the database's clock, aware. Raises WrongDelay, NaiveTime."""
        instant = self._start(self.what(root) if callable(self.what) else self.what, now)
        try:
            moved = instant - self.earlier + self.later
        except OverflowError:
            raise WrongDelay(
                f"{instant} moved by {self.later - self.earlier} is beyond the year 9999"
            ) from None
        return moved if moved > now else None

    def _start(self, what: Any, now: datetime) -> datetime:
        if what is None or what == "now":
            return now
        if isinstance(what, datetime):
            if what.tzinfo is None:
                raise NaiveTime(what)
            return what.astimezone(UTC)
        if isinstance(what, date):
            return self._midnight(what)
        if what not in PERIODS:
            raise WrongDelay(
                f"the function of the root returned {what!r}: a date or an aware datetime, please"
            )
        today = now.astimezone(ZoneInfo(self.zone)).date()
        return self._midnight(_first_of_next(str(what), today))

    def _midnight(self, day: date) -> datetime:
        # A midnight that summer time skips is read with the offset before it: the same instant as 1 o'clock.
        return datetime.combine(day, time.min, ZoneInfo(self.zone)).astimezone(UTC)


def _first_of_next(period: str, today: date) -> date:
    if period == "next day":
        return today + timedelta(days=1)
    if period == "next week":
        return today + timedelta(days=7 - today.weekday())
    if period == "next month":
        return date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return date(today.year + 1, 1, 1)
