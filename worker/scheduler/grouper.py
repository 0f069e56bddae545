"""Grouper: folds failed attempts into groups of one cause, and counts what is errored by each.

When: attempts every beat, in chunks; the counts every two seconds, less often when they cost more than a
tenth of a core. It does not judge: acknowledging and muting are persons' words.
"""

import time
from datetime import UTC, datetime

from counterfoil import error_groups

from .duty import Beat
from .paced import Paced

EVERY_SECONDS = 2.0
FORGETS_EVERY_SECONDS = 3600.0


class Grouper:
    """Remembers when it counts next."""

    word = "grouper"
    every_seconds = 0.0

    def __init__(self) -> None:
        self._errored = Paced(lambda connection, now: error_groups.count_errored(connection), EVERY_SECONDS)
        self._forget_at = 0.0

    def act(self, beat: Beat) -> int:
        """Folds and counts; how many attempts were folded."""
        folded = beat.in_chunks(error_groups.CHUNK, error_groups.fold)
        if self._errored.is_due:
            with beat.transaction(30.0) as connection:
                self._errored.refresh(connection, datetime.now(UTC))  # a count asks for no time
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGETS_EVERY_SECONDS
            with beat.transaction() as connection:
                error_groups.forget(connection)
        return folded
