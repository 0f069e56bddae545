"""F12: a worker that was cut off for longer than its lease, then healed, changes nothing."""

import os
import signal

from tests.crash.stage import SHORT, Stage, gone, wait_until


def test_a_worker_stopped_for_longer_than_its_lease_stores_nothing(stage: Stage) -> None:
    late = stage.worker(settings=SHORT)
    ticket = stage.open(before="wait", what="late")
    stage.marked(f"started {ticket} 1")
    horse = late.horse()
    for pid in (late.pid, horse):
        os.kill(pid, signal.SIGSTOP)
    wait_until(stage.lapse, "the lease's end")
    assert stage.row(ticket).attempts == 1
    other = stage.worker()
    stage.marked(f"started {ticket} 2")
    # The late horse passes its gate, writes its effect and comes to its finish, beside the other one.
    os.kill(horse, signal.SIGCONT)
    stage.let_go(2)
    row = stage.reached(ticket, "done")
    assert (row.attempts, row.claims, row.receipt) == (2, 2, "attempt 2")
    os.kill(late.pid, signal.SIGCONT)
    # By itself, or ended by its parent for the lease: a ticket that it took meanwhile would be charged.
    wait_until(lambda: gone(horse), "the late horse's end", story=stage.logs)
    assert stage.query("SELECT ticket_id, attempt FROM effect") == [(ticket, 2)]
    after = [stage.open() for _ in range(3)]
    for each in after:
        assert stage.reached(each, "done").attempts == 1
    for worker in (late, other):
        assert worker.stop() == 0
    stage.tidy_drains()
    stage.check()


def test_a_lease_that_ran_out_in_an_outage_and_that_nobody_took_is_taken_up_again(stage: Stage) -> None:
    worker = stage.worker(settings=SHORT)
    ticket = stage.open(before="wait")
    stage.marked(f"started {ticket} 1")
    os.kill(worker.pid, signal.SIGSTOP)
    wait_until(
        lambda: stage.query(
            "SELECT 1 FROM counterfoil_drains WHERE until < "
            + ("clock_timestamp()" if stage.engine.dialect.name == "postgresql" else _SQLITE_NOW)
        ),
        "the lease's end",
    )
    os.kill(worker.pid, signal.SIGCONT)
    worker.said("taken up again")
    stage.let_go()
    assert stage.reached(ticket, "done").attempts == 1
    worker.stop()
    stage.check()


_SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f','now')||'000'"
