"""Findings about clocks. The database's rules; this machine's is told because its logs would mislead."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from ..clock import stamp
from .finding import Finding

TOLERATED_SECONDS = 5.0


def _now() -> datetime:
    return datetime.now(UTC)


def skew(engine: Engine, now: Callable[[], datetime] = _now) -> Iterator[Finding]:
    """This machine's clock, when it is off the database's by more than a few seconds."""
    with engine.connect() as connection:
        before = now()
        theirs: datetime = connection.execute(select(stamp())).scalar_one()
        after = now()
    ours = before + (after - before) / 2
    seconds = (ours - theirs).total_seconds()
    if abs(seconds) > TOLERATED_SECONDS + (after - before).total_seconds():
        ahead = "ahead of" if seconds > 0 else "behind"
        yield Finding(
            "clock",
            f"this machine's clock is {abs(seconds):.0f} s {ahead} the database's; tickets follow the "
            "database's, logs and browsers do not",
            "set both by NTP (timedatectl set-ntp true)",
        )
