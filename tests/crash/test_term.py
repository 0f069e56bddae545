"""F18: TERM while a ticket runs: within the grace, beyond it, twice, to the whole group."""

import os
import signal
import time

import pytest

from tests.crash.stage import PATIENCE_SECONDS, Stage, gone


def test_term_lets_the_running_ticket_finish_and_takes_no_other(stage: Stage) -> None:
    worker = stage.worker()
    ticket = stage.open(before="wait")
    stage.marked(f"started {ticket} 1")
    other = stage.open()
    worker.signal(signal.SIGTERM)
    worker.said("told to stop after its ticket")
    stage.let_go()
    assert worker.wait() == 0
    assert stage.row(ticket).state == "done"
    assert (stage.row(other).state, stage.row(other).claims) == ("pending", 0)
    second = stage.worker()
    assert stage.reached(other, "done").attempts == 1
    second.stop()
    stage.check()


def test_term_to_the_whole_group_does_not_reach_the_work(stage: Stage) -> None:
    worker = stage.worker()
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    os.killpg(worker.pid, signal.SIGTERM)
    stage.let_go()
    assert worker.wait() == 0
    row = stage.row(ticket)
    assert (row.state, row.attempts) == ("done", 1)
    stage.check()


def test_beyond_the_grace_the_ticket_is_given_back_with_its_attempt(stage: Stage) -> None:
    worker = stage.worker(settings={"COUNTERFOIL_GRACE_SECONDS": "0.5"})
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    horse = worker.horse()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert gone(horse)
    row = stage.row(ticket)
    assert (row.state, row.attempts, row.claims) == ("pending", 0, 1)
    second = stage.worker()
    stage.marked(f"started {ticket} 1")
    stage.let_go()
    assert stage.reached(ticket, "done").attempts == 1
    second.stop()
    stage.check()


def test_a_second_term_ends_the_work_at_once_and_gives_it_back(stage: Stage) -> None:
    worker = stage.worker(settings={"COUNTERFOIL_GRACE_SECONDS": "600"})
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    worker.signal(signal.SIGTERM)
    started = time.monotonic()
    # Until a second has passed it is the same wish delivered twice; then it counts.
    while worker.process.poll() is None:
        worker.signal(signal.SIGTERM)
        time.sleep(0.05)
        assert time.monotonic() - started < PATIENCE_SECONDS, worker.text()
    assert time.monotonic() - started > 0.9
    assert worker.wait() == 0
    row = stage.row(ticket)
    assert (row.state, row.attempts) == ("pending", 0)
    stage.check(at_rest=False)


def test_work_that_put_our_handler_aside_is_given_back_all_the_same(stage: Stage) -> None:
    worker = stage.worker()
    ticket = stage.open(what="handlers and wait")
    stage.marked(f"started {ticket} 1")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    row = stage.row(ticket)
    assert (row.state, row.attempts) == ("pending", 0)
    stage.check(at_rest=False)


@pytest.mark.alone
def test_an_idle_worker_ends_at_once_and_leaves_no_row(stage: Stage) -> None:
    began = time.monotonic()
    worker = stage.worker()
    assert stage.query("SELECT pid FROM counterfoil_workers WHERE sort = 'worker'") == [(worker.pid,)]
    started = time.monotonic()
    assert worker.stop() == 0
    # Where a start of seconds shows a machine that is busy, the end of an interpreter may take as long.
    assert time.monotonic() - started < max(3, started - began)
    assert stage.query("SELECT pid FROM counterfoil_workers WHERE sort = 'worker'") == []


def test_an_operators_wish_stops_a_worker(stage: Stage) -> None:
    worker = stage.worker()
    with stage.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE counterfoil_workers SET wish = 'stop'")
    assert worker.wait() == 0
    assert "an operator wishes" in worker.text()
