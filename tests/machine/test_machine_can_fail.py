"""The machine must be able to fail: with one protection taken out, steps that are fine are so no more."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.machine.machine import Machine, machine_on
from tests.machine.without import taken_out


def opened(machine: Machine, **more: Any) -> None:
    plain: dict[str, Any] = {"lane": None, "delay": None, "deadline": None, "priority": None, "staged": 0}
    plain |= {"view_model": "M.work", "endings": ("done",), "batch": 0, "way": "commit"}
    machine.open_one(**plain | more)


def a_late_worker_finishes_what_another_one_runs(machine: Machine) -> None:
    opened(machine)
    machine.claim_and_be_gone(queue="left")
    machine.cut_off(pick=0)
    machine.duty(word="lifeline")
    machine.time_passes(jumps=1)
    machine.claim_and_be_gone(queue="left")
    machine.finish_late(pick=0, old=1)


def a_ticket_runs(machine: Machine) -> None:
    opened(machine, endings=("raise",))
    machine.drain(queue="left", tickets=1000)


def an_operator_holds_a_ticket(machine: Machine) -> None:
    opened(machine)
    machine.operate(verb="hold", pick=0, value=0, minutes=30.0, reason=None, seen=None, committed=True)


def two_of_a_lane_are_claimed(machine: Machine) -> None:
    opened(machine, lane="one", priority=9)
    opened(machine, lane="one", priority=1)
    machine.claim_and_be_gone(queue="left")
    machine.claim_and_be_gone(queue="left")


def a_worker_dies(machine: Machine) -> None:
    opened(machine)
    machine.claim_and_be_gone(queue="left")
    machine.cut_off(pick=0)
    machine.beat()


STEPS: dict[str, tuple[Callable[[Machine], None], str]] = {
    "fence": (a_late_worker_finishes_what_another_one_runs, "by a fence that is not the current one"),
    "charge": (a_ticket_runs, "attempts is 0, not 1|ended by back off|I5"),
    "trail": (an_operator_holds_a_ticket, "the trail tells None"),
    # The index on lanes that run is the last guard: hitting it is a fault as well.
    "lane": (two_of_a_lane_are_claimed, "counterfoil_tickets_lane|counterfoil_tickets.lane"),
    "lifeline": (a_worker_dies, "state is 'running', not 'pending'"),
}


@pytest.mark.parametrize("what", STEPS)
def test_the_machine_finds_that_a_protection_was_taken_out(
    database_url: str, redis_url: str, what: str
) -> None:
    steps, told = STEPS[what]
    with machine_on(database_url, redis_url) as machine:
        whole = machine()
        go(whole, steps)
        whole.teardown()
        with taken_out(what):
            lacking = machine()
            lacking.house.without = what
            with pytest.raises((AssertionError, IntegrityError), match=told):
                go(lacking, steps)


def go(machine: Machine, steps: Callable[[Machine], None]) -> None:
    steps(machine)
    machine.everything_holds()
