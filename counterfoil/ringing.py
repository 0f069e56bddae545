"""Which queues have something due, remembered until the outermost commit, then rung once.

`after_commit` of a session fires at savepoint releases and for sessions that joined an outer transaction too,
so what is due is noted at the driver's connection; its commit marks the notes, its rollback drops them.
Marked notes ring right after the session's commit, else when the connection begins anew or goes back to its
pool. Losing a note costs a beat, never a ticket.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.orm import Session

NOTES = "counterfoil_due"
SOON_SECONDS = 5.0
"""A ticket due within this time gets a hint for the scheduler's waker; later ones its beat finds in time."""


class Ringer(Protocol):
    """What is told that tickets are due: the bell, or a test's list. Must not raise and not dawdle."""

    def ring(self, due: Mapping[str, float]) -> None:
        """`due`: queue -> seconds until the first of its new tickets is due (0: now)."""

    def get_ready(self) -> None:
        """A commit that will ring is under way."""


class _Notes:
    """What one connection's transaction has made due, queue -> seconds."""

    def __init__(self, ringer: Ringer) -> None:
        self.ringer = ringer
        self.due: dict[str, float] = {}
        self.committed: dict[str, float] = {}

    def ring(self) -> None:
        if self.committed:
            due, self.committed = self.committed, {}
            self.ringer.ring(due)


_RINGERS: WeakKeyDictionary[Dialect, Ringer] = WeakKeyDictionary()


def attach(engine: Engine, ringer: Ringer) -> None:
    """Have this engine's committed tickets rung by `ringer`; a second call replaces the first one's."""
    if engine.dialect not in _RINGERS:
        event.listen(engine, "begin", _ring_what_waits)
        event.listen(engine, "commit", _mark)
        event.listen(engine, "rollback", _drop)
        event.listen(engine, "checkin", _ring_at_checkin)
    _RINGERS[engine.dialect] = ringer


def note(connection: Connection, queue: str, seconds: float = 0.0) -> None:
    """A ticket of this queue, opened or released in the connection's transaction, is due in `seconds`."""
    ringer = _RINGERS.get(connection.dialect)
    if ringer is None or seconds > SOON_SECONDS:
        return
    notes: _Notes = connection.info.setdefault(NOTES, _Notes(ringer))
    if notes.ringer is not ringer or not notes.due:
        notes.ringer = ringer
        ringer.get_ready()
    notes.due[queue] = min(seconds, notes.due.get(queue, seconds))


def note_for_session(session: Session, connection: Connection, queue: str, seconds: float = 0.0) -> None:
    """The same, rung right after the session's own outermost commit."""
    note(connection, queue, seconds)
    notes = connection.info.get(NOTES)
    waiting = session.info.setdefault(NOTES, [])
    if notes is not None and notes not in waiting:
        waiting.append(notes)


def _mark(connection: Connection) -> None:
    # Fires just before the driver's COMMIT; should that fail, one bell too many is harmless.
    notes = connection.info.get(NOTES)
    if notes is not None and notes.due:
        for queue, seconds in notes.due.items():
            notes.committed[queue] = min(seconds, notes.committed.get(queue, seconds))
        notes.due = {}


def _drop(connection: Connection) -> None:
    notes = connection.info.get(NOTES)
    if notes is not None:
        notes.due = {}


def _ring_what_waits(connection: Connection) -> None:
    notes = connection.info.get(NOTES)
    if notes is not None:
        notes.ring()


def _ring_at_checkin(dbapi_connection: Any, record: Any) -> None:
    notes = record.info.get(NOTES)
    if notes is not None:
        notes.ring()


@event.listens_for(Session, "after_commit")
def _ring_after_commit(session: Session) -> None:
    waiting = session.info.get(NOTES)
    if not waiting:
        return
    for notes in waiting:
        notes.ring()
    session.info[NOTES] = [notes for notes in waiting if notes.due]
