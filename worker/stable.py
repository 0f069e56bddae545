"""Where a worker's horses come from: one waits forked and warm, and where none does, one is forked now.

The spare is a horse like any other, forked earlier: it holds no lease, runs nobody's code, is in no
transaction, and runs one drain. So nothing of one drain is known in another. While it waits it keeps one
connection to PostgreSQL (none to SQLite) and the memory that it wrote to. A spare that is gone, or is not
warm yet though it had the time, costs what there was without one: a fork.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from counterfoil.lease import DrainLease

from .hand_over import HandOver, Orders
from .horse import Wish, end_horse, fork_horse, has_ended
from .page import Page
from .pipe import Ear, Mouth, open_pipe

log = logging.getLogger("counterfoil.worker")

Body = Callable[[DrainLease, Page, Mouth, Wish], None]
"""What a horse does: claims and runs tickets under the lease until there are none, its budget is used or it
wishes to stop."""

WARM_SECONDS = 1.0
"""A spare that is not warm after so long may hang on something: no drain waits for it."""
HUNG_SECONDS = 10.0
"""And after so long it does."""
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 60.0
STILL_SECONDS = 0.25
"""How long the threads may take to come to a stop for the fork of a spare: there will be another moment."""


class Horse:
    """A forked process as its parent holds it: its number, its page, the pipe from it."""

    def __init__(self, pid: int, page: Page, ear: Ear, orders: HandOver | None = None) -> None:
        self.pid = pid
        self.page = page
        self.ear = ear
        self.orders = orders
        self.forked_at = time.monotonic()
        self.was_spare = orders is not None

    def is_warm(self) -> bool:
        """Whether the spare has said that it waits; asked until it has."""
        return any(message.get("warm") is True for message in self.ear.messages())

    def release(self) -> None:
        """Its end was accounted for: close what we hold of it."""
        if self.orders is not None:
            self.orders.close()
        self.ear.close()
        self.page.close()


class Stable:
    """One worker's horses. Every method is for the main thread, which alone may fork.

    `still(seconds)`: between two errands of every thread of ours; yields False when that was not to be had.
    `warm`: what a spare does before it waits, step by step; after each it looks for its order.
    """

    def __init__(
        self,
        body: Body,
        still: Callable[[float], AbstractContextManager[bool]],
        warm: Sequence[Callable[[], object]] = (),
    ) -> None:
        self.body = body
        self.still = still
        self.warm = warm
        self._spare: Horse | None = None
        self._spare_is_warm = False
        self._not_before = 0.0
        self._back_off = FIRST_BACK_OFF_SECONDS

    @property
    def spare(self) -> int | None:
        """The process id of the spare, if one waits."""
        return None if self._spare is None else self._spare.pid

    def keep_spare(self) -> None:
        """See that a spare waits; called whenever there is nothing else to do. Does not raise."""
        if self._spare is not None:
            if not self._is_cold(HUNG_SECONDS) and not has_ended(self._spare.pid):
                return
            self._lose()
        if time.monotonic() < self._not_before:
            return
        try:
            self._spare = self._fork_spare()
        except OSError as error:  # no process, no memory, no descriptor to be had
            log.warning("no spare horse: %s", error)
            self._wait_longer()

    def horse(self, lease: DrainLease, seconds: float) -> Horse | None:
        """A horse for this lease: the spare, or one forked now; None when the threads had no still moment.

        Raises OSError when no process is to be had.
        """
        if (spare := self._take_spare(lease)) is not None:
            return spare
        with self.still(seconds) as quiet:
            return (
                self._fork(lambda page, mouth, wish: self.body(lease, page, mouth, wish)) if quiet else None
            )

    def dismiss_spare(self) -> None:
        """End the spare: the worker ends."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            end_horse(spare.pid)
            spare.release()

    def _take_spare(self, lease: DrainLease) -> Horse | None:
        if self._spare is None:
            return None
        if self._is_cold(WARM_SECONDS) or has_ended(self._spare.pid) or not self._tell(self._spare, lease):
            self._lose()
            return None
        spare, self._spare = self._spare, None
        self._back_off = FIRST_BACK_OFF_SECONDS
        return spare

    def _tell(self, spare: Horse, lease: DrainLease) -> bool:
        return spare.orders is not None and spare.orders.give(lease)

    def _is_cold(self, seconds: float) -> bool:
        """Whether the spare is not warm and had so long for it."""
        spare = self._spare
        if spare is None or self._spare_is_warm:
            return False
        self._spare_is_warm = spare.is_warm()
        return not self._spare_is_warm and time.monotonic() - spare.forked_at > seconds

    def _lose(self) -> None:
        assert self._spare is not None
        log.warning("the spare horse %d is gone, or hung: drains fork their own", self._spare.pid)
        self.dismiss_spare()
        self._wait_longer()

    def _wait_longer(self) -> None:
        self._not_before = time.monotonic() + self._back_off
        self._back_off = min(self._back_off * 2, LONGEST_BACK_OFF_SECONDS)

    def _fork_spare(self) -> Horse | None:
        self._spare_is_warm = False
        orders = Orders()
        with self.still(STILL_SECONDS) as quiet:
            if not quiet:
                orders.close()
                return None

            def wait(page: Page, mouth: Mouth, wish: Wish) -> None:
                lease = orders.wait(self.warm, mouth, wish)
                if lease is not None:
                    self.body(lease, page, mouth, wish)

            return self._fork(wait, orders)

    def _fork(self, act: Callable[[Page, Mouth, Wish], None], orders: Orders | None = None) -> Horse:
        # A page and a pipe of its own: nothing of an earlier horse can be read as this one's.
        page = Page()
        reading, writing = open_pipe()
        ear = Ear(reading)

        def forget() -> None:
            ear.close()
            if orders is not None:
                orders.forget_giving()

        try:
            pid = fork_horse(lambda wish: act(page, Mouth(writing), wish), forget=forget)
        except OSError:
            ear.close()
            page.close()
            if orders is not None:
                orders.close()
            raise
        finally:
            os.close(writing)
        return Horse(pid, page, ear, None if orders is None else orders.giving())
