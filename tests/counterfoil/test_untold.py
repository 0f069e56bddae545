"""R16: failures of work whose process cannot tell them any more are told by the next drain of the queue."""

import logging
from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil import WorkCutOff, settle, untold
from counterfoil.errors import Failure
from tests.counterfoil.core import Bench
from tests.worker.scheduling import Stage
from worker.ending import Cause, Ending
from worker.page import Page, Record
from worker.page import Stage as HowFar
from worker.pipe import Mouth
from worker.scheduler.ringer import Ringer
from worker.witness import PageWitness

OLD = "2020-01-01 00:00:00.000000"


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("Press.run", max_attempts=2)
    return made


def lost(bench: Bench, **columns: Any) -> int:
    """A ticket whose worker was lost in the middle of the work, found out by the scheduler."""
    ticket = bench.open("Press.run", **columns)
    assert bench.claim(bench.lease(columns.get("queue", "default"))) is not None
    bench.execute(f"UPDATE counterfoil_drains SET until = '{OLD}'")
    with bench.engine.begin() as connection:
        assert settle.lapse(connection) == [ticket]
    return ticket


def left(bench: Bench) -> int:
    return len(bench.all("SELECT id FROM counterfoil_attempts WHERE tell_at IS NOT NULL"))


def reported(bench: Bench) -> list[Any]:
    heard: list[Any] = []
    bench.runner.on_error = lambda error, ticket, verb: heard.append((error, ticket.id, verb))
    return heard


def test_a_lost_worker_is_told_by_the_next_drain_of_its_queue_and_once(bench: Bench) -> None:
    heard = reported(bench)
    ticket = lost(bench)
    assert not untold.tell_next(bench.runner, "others")
    assert untold.tell_next(bench.runner, "default")
    assert not untold.tell_next(bench.runner, "default")
    [(error, about, verb)] = heard
    assert isinstance(error, WorkCutOff)
    assert (error.kind, about, verb) == ("lost", ticket, "back off")
    assert "no sign of life" in str(error)


def test_what_the_process_could_tell_itself_is_not_told_again(bench: Bench) -> None:
    heard = reported(bench)
    bench.work("Press.jam", lambda: 1 / 0, max_attempts=1)
    bench.open("Press.jam")
    bench.drain()
    assert len(heard) == 1
    assert not untold.tell_next(bench.runner, "default")


def test_a_reporter_that_fails_is_logged_and_not_called_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def report(*given: Any) -> None:
        raise RuntimeError("no network")

    bench.runner.on_error = report
    ticket = lost(bench)
    with caplog.at_level(logging.ERROR, "counterfoil.hooks"):
        assert untold.tell_next(bench.runner, "default")
    assert f"on_error of ticket {ticket} raised RuntimeError" in caplog.text
    assert left(bench) == 0


def test_a_reporter_that_takes_its_process_down_is_called_again_later_and_given_up_after_a_day(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Killed(BaseException):
        pass

    def stage(*given: Any) -> None:
        raise Killed

    lost(bench)
    heard = reported(bench)
    bench.runner.witness.stage = stage  # type: ignore[method-assign]
    with pytest.raises(Killed):
        untold.tell_next(bench.runner, "default")
    del bench.runner.witness.stage
    assert not untold.tell_next(bench.runner, "default"), "not before its pause is over"
    assert left(bench) == 1
    bench.execute(f"UPDATE counterfoil_attempts SET tell_at = '{OLD}'")
    assert untold.tell_next(bench.runner, "default")
    assert len(heard) == 1
    bench.execute(f"UPDATE counterfoil_attempts SET tell_at = '{OLD}', ended_at = '{OLD}'")
    with caplog.at_level(logging.ERROR, "counterfoil.hooks"):
        assert untold.tell_next(bench.runner, "default")
    assert "no hook could be told" in caplog.text
    assert (len(heard), left(bench)) == (1, 0)


def test_without_hooks_it_is_only_marked(bench: Bench) -> None:
    lost(bench)
    assert untold.tell_next(bench.runner, "default")
    assert left(bench) == 0


def test_an_attempt_that_its_parent_settled_is_to_be_told(bench: Bench) -> None:
    bench.open("Press.run")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    with bench.engine.begin() as connection:
        settle.fail_attempt(connection, claimed.id, claimed.fence, Failure("timeout", "slow", untold=True))
    heard = reported(bench)
    assert untold.tell_next(bench.runner, "default")
    assert [(error.kind, verb) for error, _, verb in heard] == [("timeout", "back off")]


def test_the_ringer_rings_for_it_where_nothing_else_is_due(bench: Bench, engine: Engine) -> None:
    ticket = lost(bench)
    bench.execute("UPDATE counterfoil_tickets SET retry_at = '2999-01-01 00:00:00.000000'")
    stage = Stage(engine)
    Ringer().act(stage.beat())
    assert stage.rings.rung == ["default"]
    assert bench.row(ticket).state == "pending"
    untold.tell_next(bench.runner, "default")
    Ringer().act(stage.beat())
    assert stage.rings.rung == ["default"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hooks_may_take_their_time_no_parent_takes_them_for_work_without_a_fence(bench: Bench) -> None:
    bench.open("Press.run")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    page = Page()
    PageWitness(page, Mouth(-1)).stage(claimed, "telling", 30)
    record: Record = page.read()
    assert record.stage is HowFar.TELLING
    assert record.deadline > 0
    assert not Ending(Cause.TIMEOUT, 9, record).charges(claimed.id, claimed.fence)
    page.close()
