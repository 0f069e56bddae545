"""The horse that waits for work, in a real worker: killed, cut off, orphaned, told to stop."""

import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.crash.stage import Stage, Worker, children, gone, wait_until

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def spare(worker: Worker, *, other_than: int = 0) -> int:
    """The process id of the worker's spare: its only child while it has no work."""

    def waits() -> int:
        pids = [pid for pid in children(worker.pid) if not gone(pid)]
        return pids[0] if len(pids) == 1 and pids[0] != other_than else 0

    return wait_until(waits, "a spare horse", story=worker.text)


def connections(stage: Stage) -> list[tuple[int, str]]:
    """The database's sessions beside our own: number and state."""
    return stage.query(
        "SELECT pid, state FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


def test_the_horse_that_waited_runs_the_next_ticket_and_another_one_waits_after_it(stage: Stage) -> None:
    worker = stage.worker()

    def ran_in_the_one_that_waited() -> bool:
        waited = spare(worker)
        ticket = stage.open(what="wait")
        stage.marked(f"started {ticket} 1")
        ran_in = worker.horse()
        stage.let_go()
        assert stage.reached(ticket, "done").attempts == 1
        spare(worker, other_than=ran_in)
        return ran_in == waited

    # On a busy machine the first one may not be ready in time: then the worker forks, and tries again.
    wait_until(ran_in_the_one_that_waited, "a horse that had waited", story=worker.text)
    assert worker.stop() == 0
    stage.check()


@POSTGRESQL
def test_a_spare_that_is_killed_while_it_waits_costs_no_ticket(stage: Stage) -> None:
    worker = stage.worker()
    os.kill(spare(worker), signal.SIGKILL)
    ticket = stage.open()
    row = stage.reached(ticket, "done")
    assert (row.attempts, row.claims) == (1, 1)
    assert worker.stop() == 0
    stage.check()


@SQLITE
def test_a_spare_dies_with_its_parent(stage: Stage) -> None:
    worker = stage.worker()
    waits = spare(worker)
    worker.signal(signal.SIGKILL)
    wait_until(lambda: gone(waits), "the spare's end")


@POSTGRESQL
def test_a_worker_with_a_spare_ends_at_once_and_leaves_no_process(stage: Stage) -> None:
    worker = stage.worker()
    waits = spare(worker)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert not Path(f"/proc/{waits}").exists()  # not even a zombie
    assert "Traceback" not in worker.text()


@SQLITE
def test_term_to_the_group_leaves_the_spare_to_its_parent(stage: Stage) -> None:
    worker = stage.worker()
    waits = spare(worker)
    wait_until(lambda: os.getpgid(waits) == waits, "a group of its own")
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0
    assert gone(waits)


@POSTGRESQL
def test_the_spare_holds_one_connection_and_no_transaction(stage: Stage) -> None:
    worker = stage.worker()
    spare(worker)
    stage.engine.dispose()
    # The clerk's and the spare's; the clerk renews its row now and then.
    wait_until(lambda: [s for _, s in connections(stage)] == ["idle", "idle"], "two idle sessions")
    # Locks and states are read one after the other, and the clerk may end a renewal in between.
    locks = (
        "SELECT l.relation::regclass FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state = 'idle'"
    )
    wait_until(lambda: not stage.query(locks), "sessions without a lock", story=worker.text)
    worker.stop()


@POSTGRESQL
def test_a_spare_whose_connection_was_cut_while_it_waited_costs_no_attempt(stage: Stage) -> None:
    worker = stage.worker()
    spare(worker)
    with stage.engine.begin() as connection:
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(f"{cut} AND datname = current_database()"))
    row = stage.reached(stage.open(), "done")
    assert (row.attempts, row.claims, row.postponed_count) == (1, 1, 0)
    worker.stop()
    stage.check()


@SQLITE
def test_drains_leave_no_descriptor_behind(stage: Stage) -> None:
    worker = stage.worker()

    def descriptors(ran_in: int = 0) -> int:
        spare(worker, other_than=ran_in)
        return len(os.listdir(f"/proc/{worker.pid}/fd"))

    def drain() -> int:
        ticket = stage.open(what="wait")
        stage.marked(f"started {ticket} 1")
        ran_in = worker.horse()
        stage.let_go()
        stage.reached(ticket, "done")
        return ran_in

    first = descriptors(drain())
    for _ in range(5):
        stage.reached(stage.open(), "done")
    last = drain()
    # Between two drains there may be one more for a moment, never one more for each.
    wait_until(lambda: descriptors(last) <= first, f"{first} descriptors", story=worker.text)
    worker.stop()
    stage.check()
