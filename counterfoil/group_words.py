"""What persons say of a group of errors: acknowledged with a note, muted for a while; each in the trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from .acts import Actor, Refused
from .clock import stamp
from .columns import utc_text
from .error_groups import SILENCE
from .sqlite import begin_immediate
from .tables import ErrorGroup, TrailEntry

MOST_FAILURES = 10**9
_TOLD = (
    "acknowledged_at", "acknowledged_by", "note", "muted_until", "muted_by", "muted_failures", "muted_quiet",
)  # fmt: skip
_LOUD: dict[str, Any] = {
    "muted_until": None, "muted_by": None, "muted_at": None, "muted_failures": None, "muted_quiet": False,
}  # fmt: skip


def acknowledge(connection: Connection, fingerprint: str, by: Actor, note: str | None = None) -> None:
    """Say that somebody knows, with a note for whoever comes next. Raises Refused (gone)."""
    _locked(connection, fingerprint)
    values = {"acknowledged_at": stamp(), "acknowledged_by": by.name, "note": note}
    _say(connection, fingerprint, by, "acknowledge", note, values)


def mute(
    connection: Connection,
    fingerprint: str,
    by: Actor,
    until: datetime | None = None,
    reason: str | None = None,
    *,
    failures: int | None = None,
    quiet: bool = False,
) -> None:
    """Set it behind the others: until a time, for so many more `failures`, or until an hour of silence.

    One of the three. Raises Refused (gone, argument).
    """
    if (until is not None) + (failures is not None) + quiet != 1:
        raise Refused("mute until a time, for a number of failures or until silence: one of them", "argument")
    if failures is not None and not 0 < failures <= MOST_FAILURES:
        raise Refused(f"mute for 1 to {MOST_FAILURES} failures, not {failures}", "argument")
    row = _locked(connection, fingerprint)
    values = _LOUD | {"muted_by": by.name, "muted_at": stamp(), "muted_until": until, "muted_quiet": quiet}
    if failures is not None:
        values["muted_failures"] = row.failures + failures
    _say(connection, fingerprint, by, "mute", reason, values)


def unmute(connection: Connection, fingerprint: str, by: Actor) -> None:
    """Back among the others. Raises Refused (gone; state: it is not muted)."""
    if _locked(connection, fingerprint).muted_by is None:
        raise Refused("this group of errors is not muted", "state")
    _say(connection, fingerprint, by, "unmute", None, _LOUD)


def is_muted(row: Row[Any], now: datetime) -> bool:
    """Whether a group is muted at `now`, the database's time."""
    if row.muted_until is not None:
        return bool(row.muted_until > now)
    if row.muted_failures is not None:
        return bool(row.failures < row.muted_failures)
    if not row.muted_quiet:
        return False
    return bool(now - max(row.last_seen_at, row.muted_at or row.last_seen_at) < SILENCE)


def _locked(connection: Connection, fingerprint: str) -> Row[Any]:
    begin_immediate(connection)
    query = select(ErrorGroup.__table__).where(ErrorGroup.fingerprint == fingerprint).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise Refused(f"there is no group of errors {fingerprint}", "gone")
    return row


def _say(
    connection: Connection, fingerprint: str, by: Actor, verb: str, reason: str | None, values: dict[str, Any]
) -> None:
    before = _told(_locked(connection, fingerprint))
    connection.execute(update(ErrorGroup).where(ErrorGroup.fingerprint == fingerprint).values(values))
    entry = {"actor": by.name, "via": by.via, "verb": verb, "subject": f"errors {fingerprint}"}
    after = _told(_locked(connection, fingerprint))
    connection.execute(
        insert(TrailEntry).values(entry | {"before": before, "after": after, "reason": reason})
    )


def _told(row: Row[Any]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in _TOLD}
    return {name: utc_text(v) if isinstance(v, datetime) else v for name, v in told.items()}
