"""Operator: carries operations on - previews, then the frozen set, in chunks, with progress.

When: every beat, while there is an open operation. One chunk is one transaction, so an operation whose
scheduler is killed half-way goes on with the next one, each ticket once. It keeps no promise about the pace.
"""

from counterfoil import operations

from .duty import Beat


class Operator:
    """Index: counterfoil_operations_open."""

    word = "operator"
    every_seconds = 0.0

    def act(self, beat: Beat) -> int:
        """Works on open operations; how many chunks."""
        return beat.in_chunks(1, lambda connection, _: int(bool(operations.work(connection))))
