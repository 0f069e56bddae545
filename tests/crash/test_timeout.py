"""F22, F23: the deadline."""

import pytest

from tests.crash.stage import Stage


@pytest.mark.alone
@pytest.mark.parametrize("what", ["swallow", "spin"])
def test_work_that_cannot_be_interrupted_is_killed_at_its_deadline(stage: Stage, what: str) -> None:
    worker = stage.worker()
    ticket = stage.open("Crash.short", what=what)
    after = stage.open()
    row = stage.reached(ticket, "errored")
    assert (row.error_kind, row.attempts) == ("timeout", 2)
    assert "1 s" in row.error
    ran = stage.query("SELECT duration_ms, error_kind FROM counterfoil_attempts ORDER BY id")
    assert [row.error_kind for row in ran] == ["timeout", "timeout"]
    assert all(900 < row.duration_ms < 3_000 for row in ran)
    assert stage.reached(after, "done").attempts == 1
    worker.stop()
    stage.check()


def test_work_longer_than_the_lease_is_not_rescued_while_it_is_healthy(stage: Stage) -> None:
    # Seconds, against a fifth of one: the parent may have to wait for the processor, and is as healthy.
    worker = stage.worker(settings={"COUNTERFOIL_LEASE_SECONDS": "4", "COUNTERFOIL_RENEW_SECONDS": "0.2"})
    ticket = stage.open(before="wait")
    stage.marked(f"started {ticket} 1")
    stage.pass_time(5.0, lambda: not stage.lapse())
    stage.let_go()
    assert stage.reached(ticket, "done").attempts == 1
    worker.stop()
    stage.check()
