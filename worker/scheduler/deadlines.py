"""Deadlines: held and pending tickets whose `expires_at` is past expire.

When: every beat, so up to a beat late; a drain that claims one past it expires it before any user code. It
never touches a running ticket.
"""

from counterfoil import settle

from .duty import Beat

CHUNK = 500


class Deadlines:
    """Index: counterfoil_tickets_deadline."""

    word = "deadlines"
    every_seconds = 0.0

    def act(self, beat: Beat) -> int:
        """Expires what is due; how many."""
        return beat.in_chunks(CHUNK, lambda connection, chunk: len(settle.expire_due(connection, chunk)))
