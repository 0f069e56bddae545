"""Times and numbers as people read them; exact times are shown by the template `layout/when.html`."""

from datetime import UTC, datetime, timedelta

from flask import Flask
from flask_babel import format_datetime, format_decimal, format_timedelta

from .strings import gettext


def install(app: Flask) -> None:
    """The filters `relative`, `exact`, `iso`, `duration`, `number` and `told`."""
    app.jinja_env.globals["clock"] = lambda: datetime.now(UTC)
    app.jinja_env.filters.update(
        relative=relative, exact=exact, iso=iso, duration=duration, number=number, told=told
    )


def relative(at: datetime, now: datetime | None = None) -> str:
    """`3 minutes ago`, `in 2 hours`, `now` for what is within a second."""
    delta = at - (now or datetime.now(UTC))
    if abs(delta) < timedelta(seconds=1):
        return gettext("now")
    return str(format_timedelta(delta, add_direction=True, granularity="second", threshold=1.5))


def exact(at: datetime) -> str:
    """Date and time to the second, in the person's zone, with the zone's name."""
    return str(format_datetime(at, "yyyy-MM-dd HH:mm:ss z"))


def iso(at: datetime) -> str:
    """RFC 3339, for `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(milliseconds: float | None) -> str:
    """`840 ms`, `12.3 s`, `4 min 20 s`, `3 h 5 min`; a dash for None."""
    if milliseconds is None:
        return "-"
    seconds = milliseconds / 1000
    if seconds < 1:
        return gettext("%(n)d ms", n=round(milliseconds))
    if seconds < 60:
        return gettext("%(n).1f s", n=seconds)
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return gettext("%(m)d min %(s)d s", m=minutes, s=seconds)
    hours, minutes = divmod(minutes, 60)
    return gettext("%(h)d h %(m)d min", h=hours, m=minutes)


def number(n: int) -> str:
    """`12,403`."""
    return str(format_decimal(n))


def told(value: object) -> str:
    """A value of the trail's before and after, short."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "\N{HORIZONTAL ELLIPSIS}"
