"""Ringer: hints for due tickets that lack a drain; turns for idle lanes; pauses that are over; setting
aside and back.

When: every beat. The bell of whoever opened a ticket is faster; this one makes up for bells that were lost
with Redis, for tickets that plain SQL opened, and for a drain that ended too early. It adds one hint for each
queue and beat, and the drains that find more add the next, so a sudden flood takes some beats to spread. A
hint too many costs a fork and finds nothing.
"""

import time
from collections import Counter

from sqlalchemy import Connection, select, text

from counterfoil import aside, candidates, lanes, pauses, untold
from counterfoil.acts import Actor
from counterfoil.clock import MOMENT, moment
from counterfoil.tables import Process

from .duty import Beat

SCHEDULER = Actor("scheduler: ringer", "scheduler")

UNKNOWN_EVERY_SECONDS = 10.0
"""Between looks for tickets that no worker has known for a grace of minutes: each reads all that are aside, a
quarter of a second for 40,000 on SQLite."""


class Ringer:
    """Remembers the place where the repair of lanes goes on. Index: counterfoil_tickets_claim."""

    word = "ringer"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._place: tuple[str, str] = ("", "")
        self._next_look = 0.0

    def act(self, beat: Beat) -> int:
        """Rings what lacks a drain; how many hints, turns, and tickets set aside or back."""
        with beat.transaction() as connection:
            repaired, self._place = lanes.repair(connection, self._place)
        with beat.transaction() as connection:
            pauses.lift_over(connection, SCHEDULER)
        moved = beat.in_chunks(aside.CHUNK, aside.set_aside) + beat.in_chunks(aside.CHUNK, aside.set_back)
        moved += self._give_up(beat)
        with beat.transaction() as connection:
            lacking = _lacking(connection)
        return repaired + moved + sum(self._ring(beat, queue, hints) for queue, hints in lacking.items())

    def _give_up(self, beat: Beat) -> int:
        if time.monotonic() < self._next_look:
            return 0
        with beat.transaction() as connection:
            given = len(aside.give_up_unknown(connection, beat.settings.unknown_grace_minutes))
        self._next_look = 0.0 if given else time.monotonic() + UNKNOWN_EVERY_SECONDS
        return given

    def _ring(self, beat: Beat, queue: str, hints: int) -> int:
        # While all workers are busy, hints would pile up, and each cost a fork later.
        return 0 if beat.rings.waiting(queue) >= hints else int(beat.rings.ring(queue))


def _lacking(connection: Connection) -> dict[str, int]:
    """Queues with a due candidate (or a failure to tell), neither paused nor full: how many hints are of use.

    That is one for each worker that listens (one if none does: it will come), within the pool's free places.
    """
    due = candidates.due_queues(connection)
    telling = set(untold.queues(connection)).difference(due)
    if not due and not telling:
        return {}
    now = MOMENT[connection.dialect.name]
    rows = connection.execute(
        text(
            f"SELECT q.name, q.pool_size, q.paused AND (q.paused_until IS NULL OR q.paused_until > {now}) "
            f"AS paused, (SELECT count(*) FROM counterfoil_slots s WHERE s.queue = q.name "
            f"AND s.until > {now}) AS taken FROM counterfoil_queues q"
        )
    ).fetchall()
    known = {row.name: row for row in rows}
    live = select(Process.queues).where(Process.sort == "worker", Process.seen_until > moment())
    listeners = Counter(queue for (queues,) in connection.execute(live) for queue in queues or ())
    found: dict[str, int] = {}
    for queue in (*due, *telling):
        row = known.get(queue)
        hints = 1 if queue in telling else max(1, listeners[queue])
        if row is None or row.pool_size is None:
            found[queue] = hints
        elif row.pool_size > row.taken:
            found[queue] = min(hints, row.pool_size - row.taken)
        if row is not None and row.paused:
            found.pop(queue, None)
    return found
