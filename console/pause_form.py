"""The form of a pause: why, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOURS = (1, 4, 24)


@dataclass(frozen=True)
class Pause:
    """What a person wants; `until` None: until somebody resumes it."""

    reason: str
    until: datetime | None


def pause_of(form: Mapping[str, str]) -> Pause | None:
    """The pause; None when the reason is missing."""
    reason = form.get("reason", "").strip()[:2000]
    hours = form.get("hours", "")
    until = datetime.now(UTC) + timedelta(hours=int(hours)) if hours in map(str, HOURS) else None
    return Pause(reason, until) if reason else None
