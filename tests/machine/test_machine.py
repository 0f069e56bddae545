"""A machine that does whatever may be done, in any order, and compares all rows with a model after each step.

MACHINE_EXAMPLES=2000 runs the long form by hand: random examples; the one that fails is printed.
"""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import EXAMPLES, form, machine_on

pytestmark = pytest.mark.timeout(36000 if EXAMPLES else 600)


def test_whatever_is_done_in_whatever_order_every_ticket_is_as_the_model_says(
    database_url: str, redis_url: str
) -> None:
    with machine_on(database_url, redis_url) as machine:
        run_state_machine_as_test(machine, settings=form(8 if "sqlite" in database_url else 4))
