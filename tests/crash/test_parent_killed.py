"""F2, F3: the worker's parent is killed; everything is killed after the commit."""

import os
import signal

from counterfoil import settle
from tests.crash.stage import SHORT, Stage, Worker, gone, wait_until


def kill_all(worker: Worker) -> None:
    """At one moment: a parent that sees its horse die charges the ticket at once."""
    horse = worker.horse()
    worker.signal(signal.SIGSTOP)
    for pid in (horse, worker.pid):
        os.kill(pid, signal.SIGKILL)


def test_a_horse_dies_with_its_parent_and_the_lifeline_rescues_its_ticket(stage: Stage) -> None:
    worker = stage.worker(settings=SHORT)
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    horse = worker.horse()
    worker.signal(signal.SIGKILL)
    wait_until(lambda: gone(horse), "the horse's end")
    assert stage.row(ticket).state == "running"
    wait_until(stage.lapse, "the lease's end")
    second = stage.worker()
    stage.marked(f"started {ticket} 2")
    stage.let_go()
    row = stage.reached(ticket, "done")
    assert row.attempts == 2
    assert stage.query("SELECT outcome, error_kind FROM counterfoil_attempts") == [("lapse", "lost")]
    second.stop()
    stage.tidy_drains()
    stage.check()


def test_what_was_committed_stays_done_when_all_is_killed_before_redis_hears(stage: Stage) -> None:
    worker = stage.worker(settings=SHORT)
    # A second ticket keeps the drain busy: the first one's commit is behind it, and RQ knows nothing of it.
    first = stage.open(ring=False)
    second = stage.open(what="wait")
    stage.marked(f"started {second} 1")
    row = stage.row(first)
    assert (row.state, row.attempts) == ("done", 1)
    kill_all(worker)
    worker.wait()
    wait_until(stage.lapse, "the lease's end")
    other = stage.worker()
    stage.marked(f"started {second} 2")
    stage.let_go()
    stage.reached(second, "done")
    assert stage.row(first).claims == 1
    other.stop()
    stage.tidy_drains()
    stage.check()


def test_a_late_settlement_under_a_lapsed_fence_changes_nothing(stage: Stage) -> None:
    worker = stage.worker(settings=SHORT)
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    fence = stage.row(ticket).fence
    kill_all(worker)
    wait_until(stage.lapse, "the lease's end")
    with stage.engine.begin() as connection:
        assert not settle.give_back(connection, ticket, fence)
    assert stage.row(ticket).attempts == 1
    stage.tidy_drains()
    stage.check(at_rest=False)
