"""The drain: claim and run due tickets of one queue until there are none or the budget is used.

Runs in the horse. It carries a queue's name and no ticket; one too many finds nothing and ends. What was
claimed is one ticket, or several that share a transaction (`grouped`). Pauses are read at its start and every
second. It never touches Redis: what is to be rung for goes down the pipe.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from counterfoil import lanes, settle, untold
from counterfoil.candidates import has_due
from counterfoil.claim import claim
from counterfoil.claimed import Claimed
from counterfoil.gathering import Groups
from counterfoil.grouped import run_together
from counterfoil.lease import DrainLease
from counterfoil.running import Runner
from counterfoil.settings import Settings
from counterfoil.transactions import HostTransactions

from . import look
from .horse import Wish
from .linger import Stay
from .pipe import Mouth
from .witness import PageWitness

log = logging.getLogger("counterfoil.worker")

LOOK_SECONDS = 1.0


@dataclass
class Budget:
    """What a drain may use before it hands over: seconds, and tickets."""

    until: float
    tickets: int

    @property
    def used(self) -> bool:
        return self.tickets <= 0 or time.monotonic() >= self.until


class Drain:
    """One drain of one queue, on the worker's own connection for claims and the host's session for work."""

    def __init__(
        self,
        lease: DrainLease,
        runner: Runner,
        transactions: HostTransactions,
        witness: PageWitness,
        mouth: Mouth,
        wish: Wish,
        settings: Settings,
        alone: bool = False,
    ) -> None:
        self.lease = lease
        self.stay = Stay(lease.queue, alone)
        self.runner = runner
        self.transactions = transactions
        self.witness = witness
        self.mouth = mouth
        self.wish = wish
        self.budget = Budget(time.monotonic() + settings.drain_budget_seconds, settings.drain_budget_tickets)
        self.groups = Groups(runner.registry)
        self.ran = 0
        self.paused = False
        self._stayed = False
        self._told = False
        self.paused_view_models: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    def run(self) -> None:
        """Drain. Raises what the database raises when it is away; the parent then accounts for the rest."""
        self._tell()  # before the drain takes its connection: a spare has only one that is warm
        with self.transactions.engine.connect() as connection:
            following: Claimed | None = None
            repaired = False
            while True:
                if following is None:
                    self._look(connection)
                    if self._is_over():
                        break
                    following = claim(connection, self.lease, waited=self._stayed)
                    if following is None:
                        # Lanes may wait with nobody running in them: look once.
                        repaired, was_repaired = True, repaired
                        if not was_repaired and self._repair(connection):
                            continue
                        if not self.stay.longer(connection):
                            break
                        self._stayed = True
                        continue
                following = self._run_claimed(connection, following)
        self.mouth.say({"ran": self.ran})
        self.mouth.flush()

    def _tell(self) -> None:
        """Failures of this queue whose process could not tell them; some, so that work does not wait long."""
        for _ in range(untold.AT_ONCE):
            if self.wish.stop or not untold.tell_next(self.runner, self.lease.queue):
                break
        self.witness.idle()
        self.wish.install()

    def _run_claimed(self, connection: Connection, first: Claimed) -> Claimed | None:
        """Run what was claimed, and what may share its transaction; the next claim, if one rode along."""
        self.witness.stage(first, "claimed", 0)
        self._look(connection, anew=self._stayed)  # what it waited for may be what was resumed
        self._stayed = False
        following = None
        if self._must_not_run(first):
            self._give_back(first)
        else:
            self._ring_further(connection)
            most = self.budget.tickets
            together = self.groups.gather(connection, self.lease, first, most, self.paused_view_models)
            self.budget.tickets -= len(together)
            self.ran += len(together)
            run = self._run_one if len(together) == 1 else self._run_group
            following = run(connection, together)
            self.stay.ran()
        if following is None:
            self.witness.idle()
        self.wish.install()  # the work may have changed handlers
        self.mouth.flush()
        return following

    def _run_one(self, connection: Connection, tickets: Sequence[Claimed]) -> Claimed | None:
        return self.runner.run(tickets[0], self._ride).next

    def _run_group(self, connection: Connection, tickets: Sequence[Claimed]) -> Claimed | None:
        began = time.monotonic()
        ended = run_together(self.runner, tickets, self._ride, enough=lambda: self.wish.stop)
        if ended.kept:
            self.groups.took(len(ended.ran), time.monotonic() - began, connection.dialect.name)
        for claimed in () if ended.kept else ended.ran:
            self.witness.stage(claimed, "claimed", 0)
            self._look(connection)
            if self._must_not_run(claimed):
                self._give_back(claimed)
            else:
                self.runner.run_again(claimed)
            self.wish.install()
            self.mouth.flush()
        for claimed in ended.rest:
            self._give_back(claimed)
        return ended.next

    def _must_not_run(self, claimed: Claimed) -> bool:
        return self.wish.stop or self.paused or claimed.view_model in self.paused_view_models

    def _ride(self) -> DrainLease | None:
        due_for_a_look = time.monotonic() - self._looked_at >= LOOK_SECONDS
        if self.wish.stop or self.budget.used or due_for_a_look:
            return None
        return self.lease

    def _is_over(self) -> bool:
        if self.paused:
            return True
        if self.wish.stop or self.budget.used:
            self.mouth.say({"left_over": True})
            return True
        return False

    def _look(self, connection: Connection, anew: bool = False) -> None:
        """What is paused: every second, or anew."""
        now = time.monotonic()
        if not anew and now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self.paused, self.paused_view_models = look.paused(connection, self.lease.queue)

    def _ring_further(self, connection: Connection) -> None:
        """It got a ticket: if more is due, another drain would find work; that one rings the next."""
        if not self._told:
            self._told = True
            if has_due(connection, self.lease.queue):
                self.mouth.say({"ring": True})
            connection.commit()

    def _repair(self, connection: Connection) -> bool:
        given, _ = lanes.repair(connection)
        connection.commit()
        return given > 0

    def _give_back(self, claimed: Claimed) -> None:
        aside = "paused" if claimed.view_model in self.paused_view_models else None
        with self.transactions.own() as own:
            settle.give_back(own, claimed.id, claimed.fence, aside=aside)
