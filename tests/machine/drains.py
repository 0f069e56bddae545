"""The drain of the machine: the worker's own, in this process, and every claim and end of it told.

What a fork, a pipe and a page do for a worker is done here by calls.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Engine

from counterfoil.claimed import Claimed
from counterfoil.gathering import Groups
from counterfoil.grouped import Ended, run_together
from counterfoil.lease import DrainLease
from counterfoil.registry import registry
from counterfoil.running import Outcome, Ride, Runner
from counterfoil.running_ticket import Silent
from counterfoil.transactions import HostTransactions
from tests.machine.application import Hosts
from worker.drain import Drain

ENOUGH_SECONDS = 3600.0

Claims = Callable[[Claimed], None]
Ends = Callable[[Claimed, str], None]


class ToldGroups(Groups):
    """Tells of the claims that a group is made of."""

    on_claim: Claims

    def gather(self, *given: Any, **named: Any) -> list[Claimed]:
        together = super().gather(*given, **named)
        for claimed in together[1:]:
            self.on_claim(claimed)
        return together


def run_and_tell(runner: "ToldRunner", *given: Any, **named: Any) -> Ended:
    """A group whose commit was its tickets' end; what is run again, by itself, is told by the runner."""
    ended = run_together(runner, *given, **named)
    for claimed in ended.ran if ended.kept else ():
        runner.on_end(claimed, "finish")
    return ended


class Told(Silent):
    """The page: it hears of a claim before anything is run."""

    def __init__(self, on_claim: Claims) -> None:
        self.on_claim = on_claim

    def stage(self, claimed: Claimed, stage: str, timeout_seconds: float) -> None:
        if stage == "claimed":
            self.on_claim(claimed)

    def idle(self) -> None:
        """Between two tickets."""


class ToldRunner(Runner):
    """Tells how each ticket ended."""

    on_end: Ends

    def run(self, claimed: Claimed, ride: Ride | None = None) -> Outcome:
        outcome = super().run(claimed, ride)
        self.on_end(claimed, outcome.verb)
        return outcome


class ToldDrain(Drain):
    """Gives back what is paused through the same ear."""

    on_end: Ends

    def _give_back(self, claimed: Claimed) -> None:
        super()._give_back(claimed)
        self.on_end(claimed, "not begun")


class Drains:
    """Runs drains and single tickets; the messages of the last drain are in `said`."""

    def __init__(self, engine: Engine, hosts: Hosts, on_claim: Claims, on_end: Ends) -> None:
        self.transactions = HostTransactions(engine, hosts.scope, lambda: hosts.current)
        self.page = Told(on_claim)
        self.on_end = on_end
        self.runner = ToldRunner(
            self.transactions, registry, self.page, worker="machine", pause=lambda seconds: None
        )
        self.runner.on_end = on_end
        self.said: list[dict[str, Any]] = []

    def groups(self) -> ToldGroups:
        made = ToldGroups(registry)
        made.on_claim = self.page.on_claim
        return made

    def drain(self, lease: DrainLease, tickets: int) -> None:
        """Claim and run until nothing is due, or so many tickets ran."""
        self.said = []
        mouth = SimpleNamespace(say=self.said.append, flush=lambda: None)
        wish = SimpleNamespace(stop=False, install=lambda: None)
        settings = SimpleNamespace(drain_budget_seconds=ENOUGH_SECONDS, drain_budget_tickets=tickets)
        drain = ToldDrain(
            lease, self.runner, self.transactions, cast(Any, self.page), cast(Any, mouth), cast(Any, wish),
            cast(Any, settings),
        )  # fmt: skip
        drain.on_end = self.on_end
        drain.groups = self.groups()
        drain.run()
