"""F1, F19, F20, F21: a horse that is killed, or ends, in the middle of the work."""

import os
import signal

from tests.crash.stage import Stage, gone, wait_until


def test_a_horse_killed_in_the_middle_of_the_work_is_charged_and_the_next_attempt_does_it(
    stage: Stage,
) -> None:
    worker = stage.worker()
    ticket = stage.open(what="wait")
    stage.marked(f"started {ticket} 1")
    os.kill(worker.horse(), signal.SIGKILL)
    stage.marked(f"started {ticket} 2")
    stage.let_go()
    row = stage.reached(ticket, "done")
    assert (row.attempts, row.claims) == (2, 2)
    [attempt] = stage.query("SELECT outcome, error, error_kind, worker FROM counterfoil_attempts")
    assert (attempt.outcome, attempt.error_kind) == ("back off", "lost")
    assert attempt.error == "worker killed (signal 9)"
    assert attempt.worker
    assert worker.stop() == 0
    stage.check()


def test_poison_among_others_is_errored_after_its_attempts_and_its_neighbours_are_not_charged(
    stage: Stage,
) -> None:
    before = [stage.open(ring=False) for _ in range(10)]
    poison = stage.open(ring=False, before="kill")
    others = before + [stage.open(ring=False) for _ in range(10)]
    worker = stage.worker()
    stage.known()
    row = stage.reached(poison, "errored")
    assert (row.attempts, row.claims, row.error_kind) == (3, 3, "lost")
    assert "killed (signal 9)" in row.error
    for ticket in others:
        row = stage.reached(ticket, "done")
        assert (row.attempts, row.claims) == (1, 1)
    worker.stop()
    stage.check()


def test_work_that_ends_its_process_has_failed_whatever_the_exit_code_says(stage: Stage) -> None:
    ends = {
        "exit 0": "exited with 0 in the middle of the work",
        "exit 3": "exited with 3 in the middle of the work",
        "segfault": "killed (signal 11)",
        "abort": "killed (signal 6)",
    }
    worker = stage.worker()
    tickets = {stage.open(what=what, max_attempts=1): error for what, error in ends.items()}
    for ticket, error in tickets.items():
        row = stage.reached(ticket, "errored")
        assert row.error_kind == "lost"
        assert error in row.error
    after = stage.open()
    stage.reached(after, "done")
    assert worker.process.poll() is None
    worker.stop()
    stage.check()


def test_what_work_raises_is_a_failed_attempt_and_the_horse_lives_on(stage: Stage) -> None:
    raised = [
        ("system exit", "SystemExit"),
        ("keyboard interrupt", "KeyboardInterrupt"),
        ("generator exit", "GeneratorExit"),
        ("recursion", "RecursionError"),
        ("memory", "MemoryError"),
        ("mute", "Mute"),
        ("long text", "ValueError: xxx"),
        ("unencodable", "ValueError"),
    ]
    worker = stage.worker()
    tickets = [(stage.open(what=what, max_attempts=1), error) for what, error in raised]
    for ticket, error in tickets:
        row = stage.reached(ticket, "errored")
        assert row.error_kind == "run"
        assert error in row.error
        assert len(row.error) < 5_000
    assert "its horse is gone" not in worker.text()
    worker.stop()
    stage.check()


def test_a_child_of_the_work_does_not_outlive_the_horse(stage: Stage) -> None:
    worker = stage.worker()
    ticket = stage.open(what="child", max_attempts=1)
    stage.reached(ticket, "errored")
    child = int((stage.folder / "child").read_text())
    wait_until(lambda: gone(child), "the child's end")
    worker.stop()
    stage.check()


def test_changed_signal_handlers_and_closed_descriptors_hurt_nobody_else(stage: Stage) -> None:
    worker = stage.worker()
    changed = stage.open(what="handlers")
    assert stage.reached(changed, "done").attempts == 1
    closed = stage.open("Crash.talk", what="descriptors")
    row = stage.reached(closed, "done", "errored")
    after = stage.open()
    assert stage.reached(after, "done").attempts == 1
    assert (stage.folder / "taken").read_bytes() == b"", "a message of ours went into a file of the work's"
    assert row.attempts == 1
    assert worker.stop() == 0
    stage.check()


def test_lines_and_progress_of_a_horse_that_was_killed_are_kept(stage: Stage) -> None:
    worker = stage.worker()
    ticket = stage.open("Crash.talk", lines=200, what="kill")
    stage.reached(ticket, "errored")

    def lines() -> list[str]:
        found = stage.query("SELECT message, level, claim FROM counterfoil_logs ORDER BY id")
        assert {(row.level, row.claim) for row in found} <= {(30, 1)}
        return [row.message for row in found] if len(found) == 200 else []

    assert wait_until(lines, "200 lines") == [f"line {n}" for n in range(200)]
    worker.stop()
    stage.check()
