"""F1, F19, F21: a horse that is killed or ends in the middle of the work."""

import os
import signal

import pytest

from .conftest import Stage, gone, wait_until


def test_a_horse_killed_in_the_middle_of_the_work_is_charged_and_the_next_attempt_does_it(
    stage: Stage,
) -> None:
    worker = stage.worker()
    ticket = stage.open(what="wait")
    stage.marked("started")
    os.kill(worker.horse(), signal.SIGKILL)
    stage.marked(f"started {ticket} 2")
    stage.let_go()
    row = stage.reached(ticket, "done")
    assert (row.attempts, row.claims) == (2, 2)
    [attempt] = stage.query("SELECT outcome, error, error_kind, worker FROM counterfoil_attempts")
    assert (attempt.outcome, attempt.error_kind) == ("back off", "lost")
    assert "worker killed (signal 9)" in attempt.error
    assert attempt.worker
    assert worker.stop() == 0
    stage.check()
