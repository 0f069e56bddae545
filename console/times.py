"""Times and numbers as people read them; exact times are shown by the template `layout/when.html`."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from flask import Flask, g
from flask_babel import format_decimal, get_locale, get_timezone

from .strings import N_, gettext, ngettext

UNITS = (
    (
        31557600,
        (N_("%(num)d year ago"), N_("%(num)d years ago")),
        (N_("in %(num)d year"), N_("in %(num)d years")),
    ),
    (
        2629800,
        (N_("%(num)d month ago"), N_("%(num)d months ago")),
        (N_("in %(num)d month"), N_("in %(num)d months")),
    ),
    (
        604800,
        (N_("%(num)d week ago"), N_("%(num)d weeks ago")),
        (N_("in %(num)d week"), N_("in %(num)d weeks")),
    ),
    (
        86400,
        (N_("%(num)d day ago"), N_("%(num)d days ago")),
        (N_("in %(num)d day"), N_("in %(num)d days")),
    ),
    (
        3600,
        (N_("%(num)d hour ago"), N_("%(num)d hours ago")),
        (N_("in %(num)d hour"), N_("in %(num)d hours")),
    ),
    (
        60,
        (N_("%(num)d minute ago"), N_("%(num)d minutes ago")),
        (N_("in %(num)d minute"), N_("in %(num)d minutes")),
    ),
    (
        1,
        (N_("%(num)d second ago"), N_("%(num)d seconds ago")),
        (N_("in %(num)d second"), N_("in %(num)d seconds")),
    ),
)


def install(app: Flask) -> None:
    """The filters `relative`, `exact`, `iso`, `duration`, `number`, `told` and `local_input`."""
    app.jinja_env.globals["clock"] = lambda: datetime.now(UTC)
    app.jinja_env.filters.update(
        relative=relative, exact=exact, iso=iso, duration=duration, number=number, told=told,
        local_input=local_input,
    )  # fmt: skip


def relative(at: datetime, now: datetime | None = None) -> str:
    """`3 minutes ago`, `in 2 hours`, `now` for what is within a second. static/page.js says the same."""
    seconds = (at - (now or datetime.now(UTC))).total_seconds()
    if abs(seconds) < 1:
        return gettext("now")
    size, ago, ahead = next(unit for unit in UNITS if abs(seconds) >= unit[0] * (1.5 if unit[0] > 1 else 1))
    n = round(abs(seconds) / size)
    return ngettext(*(ahead if seconds > 0 else ago), n)


def exact(at: datetime) -> str:
    """Date and time to the second, in the person's zone, with the zone's name."""
    return f"{at.astimezone(zone()):%Y-%m-%d %H:%M:%S %Z}"


def local_input(at: datetime | None) -> str:
    """What a field for date and time holds, in the person's zone; empty for none."""
    return f"{at.astimezone(zone()):%Y-%m-%dT%H:%M}" if at else ""


def zone() -> tzinfo:
    """The person's zone, looked up once a request."""
    found: tzinfo | None = g.get("counterfoil_zone")
    if found is None:
        found = g.counterfoil_zone = get_timezone() or UTC
    return found


def iso(at: datetime) -> str:
    """RFC 3339, for `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(milliseconds: float | None) -> str:
    """`840 ms`, `12.3 s`, `4 min 20 s`, `3 h 5 min`; an en dash for None."""
    if milliseconds is None:
        return "\N{EN DASH}"
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
    return _number(n, str(get_locale()))


@lru_cache(maxsize=4096)
def _number(n: int, _locale: str) -> str:
    # Kept for each language: a page writes dozens, each a tenth of a millisecond.
    return str(format_decimal(n))


def told(value: object) -> str:
    """A value in a line of its own, short: of the trail's before and after, or an error."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "\N{HORIZONTAL ELLIPSIS}"
