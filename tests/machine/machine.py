"""The machine: the rules on one house, compared with its model after each step, at rest in the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant
from sqlalchemy import Engine

from counterfoil import gathering, operation_work, policy
from counterfoil.database import make_engine
from counterfoil.lease import end_lease
from counterfoil.registry import registry
from tests.crash.stage import tidy_drains
from tests.machine import world
from tests.machine.application import QUEUES, Hosts, declare
from tests.machine.bells import Bells
from tests.machine.drains import ENOUGH_SECONDS, run_and_tell
from tests.machine.duty_rules import Duties
from tests.machine.house import House, violations
from tests.machine.model import BACKOFF
from tests.machine.opening_rules import Opening
from tests.machine.operating_rules import Operating
from tests.machine.operation_rules import CHUNK, Operations
from tests.machine.running_rules import Running
from worker.scheduler import duty

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))
"""So many random examples instead of the few that are always the same: by hand."""
ROUNDS = 30
"""Beats within which everything is at rest: a ticket waits at most for its attempts, one after the other."""


class Machine(Opening, Running, Operating, Operations, Duties, RuleBasedStateMachine):
    """`make` gives the house of one example."""

    engine: ClassVar[Engine]
    bells: ClassVar[Bells]
    hosts: ClassVar[Hosts]
    without: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(self.engine, self.bells, self.hosts, self.without)

    @invariant()
    def everything_holds(self) -> None:
        self.house.compare()
        self.compare_operations()

    def teardown(self) -> None:
        """Nothing is lost: what may run, runs until it is final, and the rest waits for a reason."""
        try:
            self.come_to_rest()
        finally:
            super().teardown()

    def come_to_rest(self) -> None:
        model = self.house.model
        for name in [name for name, pause in model.queues.items() if pause.on]:
            self.resume(name=name, committed=True)
        for round_ in range(ROUNDS):
            self.beat()
            for queue in QUEUES:
                self.answer_a_bell(queue=queue)
            waiting = [ticket for ticket in model.in_state("pending") if ticket.aside is None]
            if not waiting and not model.in_state("running"):
                break
            self.time_passes(jumps=1 if round_ < 3 else 12)
            self.everything_holds()
        self.everything_holds()
        with self.house.engine.begin() as connection:
            for lease in model.leases:
                end_lease(connection, lease)
        tidy_drains(self.house.engine)
        endless = {ticket.id for ticket in model.in_state("pending") if ticket.endings == ("postpone",)}
        found = violations(self.house.engine, at_rest=True)
        lost = [line for line in found if not any(f"({one}, 'pending')" in line for one in endless)]
        assert not lost, "\n".join(lost)


@contextmanager
def machine_on(url: str, redis_url: str) -> Iterator[type[Machine]]:
    """A machine's class on a database of its own."""
    engine = make_engine(url)
    hosts = Hosts(engine)
    with pytest.MonkeyPatch.context() as patch, registry.scoped():
        # Every back-off takes as long: the least of the doubled one is its limit.
        quick = policy.Policy(backoff_seconds=BACKOFF * 75, backoff_limit_seconds=BACKOFF * 60)
        patch.setattr(policy, "_current", quick)
        patch.setattr(operation_work, "step", partial(operation_work.step, chunk=CHUNK))
        patch.setattr(duty, "TURN_SECONDS", ENOUGH_SECONDS)
        patch.setattr("worker.drain.run_together", run_and_tell)
        for dialect in gathering.SECONDS:
            patch.setitem(gathering.SECONDS, dialect, ENOUGH_SECONDS)
        try:
            world.prepare(engine)
            declare(hosts)
            yield type("MachineOn", (Machine,), {"engine": engine, "bells": Bells(redis_url), "hosts": hosts})
        finally:
            engine.dispose()


def form(examples: int) -> settings:
    """The same few examples each time, or `MACHINE_EXAMPLES` random ones; a failing one is printed."""
    return settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=100 if EXAMPLES else 30,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        # An example is many steps on a database: of course it is slow, and large.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate],
        print_blob=True,
    )
