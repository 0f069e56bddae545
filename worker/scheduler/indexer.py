"""Indexer: brings SQLite's index of texts up to date with labels and errors.

When: every beat, in short chunks, for a tenth of a second at most: after an upgrade a million tickets take
some minutes, and are searched without it until then. PostgreSQL writes its indexes by itself.
"""

from counterfoil import text_index

from .duty import Beat

SECONDS = 0.05


class Indexer:
    """Finds what is to be done by the tickets' own ids."""

    word = "indexer"
    every_seconds = 0.0

    def act(self, beat: Beat) -> int:
        """Indexes; how many tickets."""
        return beat.in_chunks(text_index.CHUNK, text_index.catch_up, SECONDS)
