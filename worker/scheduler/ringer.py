"""Ringer: hints for due tickets that lack a drain; turns for idle lanes; setting aside and back.

When: every beat. The bell of whoever opened a ticket is faster; this one makes up for bells that were lost
with Redis, for tickets that plain SQL opened, and for a drain that ended too early. It adds one hint for each
queue and beat, and the drains that find more add the next, so a sudden flood takes some beats to spread. A
hint too many costs a fork and finds nothing.
"""

from sqlalchemy import Connection, text

from counterfoil import aside, lanes, lease
from counterfoil.clock import MOMENT

from .duty import Beat


class Ringer:
    """Remembers the place where the repair of lanes goes on. Index: counterfoil_tickets_claim."""

    word = "ringer"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._place: tuple[str, str] = ("", "")

    def act(self, beat: Beat) -> int:
        """Rings what lacks a drain; how many hints, turns, and tickets set aside or back."""
        with beat.transaction() as connection:
            repaired, self._place = lanes.repair(connection, self._place)
        moved = beat.in_chunks(aside.CHUNK, aside.set_aside) + beat.in_chunks(aside.CHUNK, aside.set_back)
        grace = beat.settings.unknown_grace_minutes
        with beat.transaction() as connection:
            moved += len(aside.give_up_unknown(connection, grace))
            lacking = _lacking(connection)
        return repaired + moved + sum(self._ring(beat, queue, places) for queue, places in lacking.items())

    def _ring(self, beat: Beat, queue: str, places: int | None) -> int:
        if places is not None and places <= beat.rings.waiting(queue):
            return 0
        return int(beat.rings.ring(queue))


def _lacking(connection: Connection) -> dict[str, int | None]:
    """Queues with a due candidate that are not paused: free places of the pool, None without a pool size."""
    due = lease.due_queues(connection)
    if not due:
        return {}
    moment = MOMENT[connection.dialect.name]
    rows = connection.execute(
        text(
            f"SELECT q.name, q.pool_size, q.paused AND (q.paused_until IS NULL OR q.paused_until > {moment}) "
            f"AS paused, (SELECT count(*) FROM counterfoil_slots s WHERE s.queue = q.name "
            f"AND s.until > {moment}) AS taken FROM counterfoil_queues q"
        )
    ).fetchall()
    known = {row.name: row for row in rows}
    found: dict[str, int | None] = {}
    for queue in due:
        row = known.get(queue)
        if row is None or (not row.paused and row.pool_size is None):
            found[queue] = None
        elif not row.paused and row.pool_size > row.taken:
            found[queue] = row.pool_size - row.taken
    return found
