"""Batches: closes what is complete and opens the follow-ups, once each.

When: every beat, so a follow-up opens up to a beat after the last ticket has ended. It looks at some open
batches a beat and remembers the place, so that many that stay open delay the others and stop nothing. It
never closes a batch without an expected number that nobody has sealed.
"""

from counterfoil import batches

from .duty import Beat

CHUNK = 200


class Batches:
    """Indexes: counterfoil_batches_open, counterfoil_tickets_batch."""

    word = "batches"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._place = 0

    def act(self, beat: Beat) -> int:
        """Closes; how many."""
        with beat.transaction() as connection:
            closed, self._place = batches.close_complete(connection, self._place, CHUNK)
        return len(closed)
