"""F4, F26, F27: a drain and its worker, whole: pauses, hand-over, rings, operators, unknown names."""

import pytest
from sqlalchemy import Engine, text

from counterfoil import acts, aside
from tests.crash.stage import Stage, gone, wait_until


def test_what_happens_outside_happens_again_after_a_kill_under_the_same_key_and_inside_once(
    stage: Stage,
) -> None:
    worker = stage.worker()
    ticket = stage.open(what="kill once")
    row = stage.reached(ticket, "done")
    assert row.attempts == 2
    lines = [line.split() for line in (stage.folder / "outside").read_text().splitlines()]
    assert [line[1] for line in lines] == ["1", "2"]
    assert lines[0][2] == lines[1][2]
    assert stage.query("SELECT attempt FROM effect") == [(2,)]
    worker.stop()
    stage.check()


def test_a_drain_whose_budget_is_used_hands_over_to_the_next(stage: Stage) -> None:
    worker = stage.worker(settings={"COUNTERFOIL_DRAIN_BUDGET_TICKETS": "4"})
    tickets = [stage.open(ring=False) for _ in range(15)]
    stage.ring()
    wait_until(
        lambda: all(stage.row(ticket).state == "done" for ticket in tickets), "all done", story=stage.logs
    )
    assert len(stage.query("SELECT DISTINCT old_drain FROM history WHERE became = 'done'")) == 4
    worker.stop()
    stage.check()


def test_a_drain_that_sees_more_due_rings_one_further_so_that_others_join(stage: Stage) -> None:
    workers = [stage.worker(), stage.worker()]
    tickets = [stage.open(before="wait", ring=False) for _ in range(2)]
    stage.ring()  # once
    assert {stage.marked("started", beat=False) for _ in tickets} == {f"started {t} 1" for t in tickets}
    stage.let_go(2)
    for ticket in tickets:
        stage.reached(ticket, "done")
    for worker in workers:
        worker.stop()
    stage.check()


def test_a_paused_queue_stops_its_drains_within_a_second_and_resumes(stage: Stage) -> None:
    worker = stage.worker()
    running = stage.open(before="wait")
    stage.marked(f"started {running} 1")
    waiting = stage.open()
    execute(stage.engine, "UPDATE counterfoil_queues SET paused = true WHERE name = 'default'")
    stage.pass_time(1.1, lambda: True)
    stage.let_go()
    assert stage.reached(running, "done").attempts == 1
    stage.pass_time(1.0, lambda: stage.row(waiting).state == "pending")
    execute(stage.engine, "UPDATE counterfoil_queues SET paused = false WHERE name = 'default'")
    row = stage.reached(waiting, "done")
    assert row.attempts == 1
    worker.stop()
    stage.check()


def test_a_paused_view_model_is_set_aside_by_the_drain_that_meets_it(stage: Stage) -> None:
    worker = stage.worker()
    execute(stage.engine, "UPDATE counterfoil_view_models SET paused = true WHERE name = 'Crash.talk'")
    paused = stage.open("Crash.talk")
    other = stage.open()
    stage.reached(other, "done")
    row = wait_until(lambda: (row := stage.row(paused)).aside and row, "its being set aside")
    assert (row.state, row.aside, row.attempts) == ("pending", "paused", 0)
    assert not row.turn
    execute(stage.engine, "UPDATE counterfoil_view_models SET paused = false WHERE name = 'Crash.talk'")
    stage.known()
    assert stage.reached(paused, "done").attempts == 1
    worker.stop()
    stage.check()


def test_a_view_model_that_only_another_worker_knows_is_given_back_and_set_aside(stage: Stage) -> None:
    worker = stage.worker()
    execute(
        stage.engine,
        "INSERT INTO counterfoil_view_models (name, sort, known_until) VALUES ('Crash.new', 'target', "
        "(SELECT max(known_until) FROM counterfoil_view_models))",
    )
    ticket = stage.open("Crash.new")
    row = wait_until(lambda: (row := stage.row(ticket)).aside and row, "its being set aside")
    assert (row.state, row.aside, row.attempts, row.error) == ("pending", "unknown", 0, None)
    # The beat sets it back, because somebody knows it; it is given back again and never errored.
    for _ in range(3):
        with stage.engine.begin() as connection:
            assert aside.set_back(connection) == 1
        stage.ring()
        wait_until(lambda: stage.row(ticket).aside, "its being set aside again")
    row = stage.row(ticket)
    assert (row.state, row.attempts, row.claims) == ("pending", 0, 4)
    worker.stop()
    stage.check()


@pytest.mark.parametrize(("verb", "reached"), [("fail", "failed"), ("expire", "expired")])
def test_an_operator_ends_running_work_its_effects_are_rolled_back_and_its_process_goes(
    stage: Stage, verb: str, reached: str
) -> None:
    worker = stage.worker()
    ticket = stage.open(before="wait")
    stage.marked(f"started {ticket} 1")
    horse = worker.horse()
    with stage.engine.begin() as connection:
        acts.act(connection, verb, ticket, acts.Actor("ada", "console"), reason="it hangs")
    assert stage.row(ticket).state == reached
    worker.said("ended by us: taken")
    wait_until(lambda: gone(horse), "its end")
    other = stage.open()
    assert stage.reached(other, "done").attempts == 1
    worker.stop()
    stage.check()


def execute(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql))
