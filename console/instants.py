"""A time that a person gave in a form, made an instant."""

from datetime import datetime, timedelta

from flask_babel import get_timezone

from .strings import gettext

PRESETS = {
    "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)
}  # fmt: skip


class NoInstant(ValueError):
    """What was given is no time; the text says what is."""


def instant(given: str, now: datetime) -> datetime:
    """`24h` and the like from the database's `now` on, or a date and time; without a zone it is the person's.

    Raises NoInstant.
    """
    if given in PRESETS:
        return now + PRESETS[given]
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise NoInstant(
            gettext(
                "%(given)s is no time: give a date and time such as 2026-12-31 18:00", given=repr(given[:40])
            )
        ) from None
    if at.tzinfo is None:
        zone = get_timezone()
        at = at.replace(tzinfo=zone)
    return at
