"""A horse, or all of a worker, that dies in the middle of a group: who is charged, and what is left."""

import os
import signal
from typing import Any

from tests.crash.stage import SHORT, Stage, wait_until


def opened(stage: Stage, waits: int, count: int = 8) -> list[int]:
    """Tickets of one group, one of which waits at the gate in its first attempt."""
    return [
        stage.open("Crash.many", ring=False, **({"what": "wait"} if n == waits else {})) for n in range(count)
    ]


def in_the_middle(stage: Stage, tickets: list[int], waits: int) -> None:
    """Wait until the group is at the one that waits: all claimed, some begun, nothing kept."""
    stage.known()
    stage.marked(f"started {tickets[waits]} 1")
    rows = [stage.row(ticket) for ticket in tickets]
    assert {row.state for row in rows} == {"running"}
    assert len({row.fence for row in rows}) == len(tickets)
    assert stage.query("SELECT * FROM effect") == []


def all_done(stage: Stage, tickets: list[int], attempts: dict[int, int]) -> None:
    for ticket in tickets:
        row = stage.reached(ticket, "done")
        assert row.attempts == attempts.get(ticket, 1)
    effects = stage.query("SELECT ticket_id, count(*) AS n FROM effect GROUP BY ticket_id ORDER BY 1")
    assert [(row.ticket_id, row.n) for row in effects] == [(ticket, 1) for ticket in tickets]


def outcomes(stage: Stage) -> dict[int, Any]:
    rows = stage.query("SELECT ticket_id, outcome FROM counterfoil_attempts")
    return {row.ticket_id: row.outcome for row in rows}


def test_a_horse_killed_in_the_middle_of_a_group_charges_the_one_that_ran(stage: Stage) -> None:
    tickets = opened(stage, waits=4)
    worker = stage.worker()
    in_the_middle(stage, tickets, waits=4)
    os.kill(worker.horse(), signal.SIGKILL)
    stage.marked(f"started {tickets[4]} 2")
    stage.let_go()
    all_done(stage, tickets, {tickets[4]: 2})
    given_back = [ticket for ticket in tickets if ticket != tickets[4]]
    assert outcomes(stage) == {tickets[4]: "back off"} | dict.fromkeys(given_back, "give back")
    worker.stop()
    stage.check(outside=False)


def test_a_worker_killed_with_its_horse_in_the_middle_of_a_group_charges_nobody(stage: Stage) -> None:
    tickets = opened(stage, waits=4)
    worker = stage.worker(settings=SHORT)
    in_the_middle(stage, tickets, waits=4)
    worker.signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: len(stage.lapse()) == len(tickets), "the lapse of the group")
    stage.tidy_drains()
    other = stage.worker()
    stage.marked(f"started {tickets[4]} 1")
    # By itself from now on: should it end its process again, it pays for it.
    assert len(stage.query("SELECT id FROM counterfoil_tickets WHERE state = 'running'")) == 1
    stage.let_go()
    all_done(stage, tickets, {})
    assert outcomes(stage) == dict.fromkeys(tickets, "give back")
    other.stop()
    stage.check(outside=False)


def test_poison_in_a_group_is_errored_after_its_attempts_and_its_neighbours_are_done(stage: Stage) -> None:
    tickets = [stage.open("Crash.many", ring=False) for _ in range(6)]
    poison = stage.open("Crash.many", ring=False, what="kill")
    tickets += [stage.open("Crash.many", ring=False) for _ in range(6)]
    worker = stage.worker()
    stage.known()
    row = stage.reached(poison, "errored")
    assert (row.attempts, row.claims, row.error_kind) == (3, 3, "lost")
    all_done(stage, tickets, {})
    worker.stop()
    stage.check(outside=False)


def test_a_worker_told_to_stop_finishes_what_ran_of_a_group_and_gives_the_rest_back(stage: Stage) -> None:
    tickets = opened(stage, waits=2, count=5)
    worker = stage.worker()
    in_the_middle(stage, tickets, waits=2)
    worker.signal(signal.SIGTERM)
    worker.said("told to stop after its ticket")
    stage.let_go()
    assert worker.wait() == 0
    assert [stage.row(ticket).state for ticket in tickets] == ["done"] * 3 + ["pending"] * 2
    assert [stage.row(ticket).attempts for ticket in tickets] == [1] * 3 + [0] * 2
    assert outcomes(stage) == dict.fromkeys(tickets[3:], "give back")
    stage.check(at_rest=False, outside=False)
