"""R16: a failure whose process was killed is told to the hooks once, by the next drain."""

import os
import signal

import pytest
from sqlalchemy.orm import Session

from tests.crash import telling
from tests.crash.stage import Stage, Worker, wait_until

APP = {"COUNTERFOIL_APP": "tests.crash.telling:make"}


@pytest.fixture
def worker(stage: Stage) -> Worker:
    with stage.engine.begin() as connection:
        connection.exec_driver_sql(telling.TABLE)
    return stage.worker(settings=APP)


def opened(stage: Stage, view_model: str, **options: object) -> int:
    with Session(stage.engine) as session:
        ticket = telling.CountedTicket(view_model=view_model, **options)
        session.add(ticket)
        session.commit()
        made = ticket.id
    stage.ring()
    return made


def reports(stage: Stage) -> list[str]:
    file = stage.folder / "reports"
    return file.read_text().splitlines() if file.exists() else []


def told(stage: Stage, number: int) -> None:
    """Wait until nothing is left to tell, and the hooks have heard of so many failures."""

    def all_of_it() -> bool:
        left = stage.query("SELECT id FROM counterfoil_attempts WHERE tell_at IS NOT NULL")
        if left:
            stage.ring()
        return not left and len(reports(stage)) >= number

    wait_until(all_of_it, f"{number} reports", story=stage.logs)


def test_a_kill_9_is_told_before_the_next_attempt_and_each_is_told_once(stage: Stage, worker: Worker) -> None:
    ticket = opened(stage, "Crash.work", params={"what": "wait"}, max_attempts=2)
    stage.marked(f"started {ticket} 1")
    os.kill(worker.horse(), signal.SIGKILL)
    stage.marked(f"started {ticket} 2")
    assert reports(stage) == [f"{ticket} lost back off"]
    os.kill(worker.horse(), signal.SIGKILL)
    assert stage.reached(ticket, "errored").error_kind == "lost"
    told(stage, 2)
    stage.reached(stage.open(), "done")  # a drain more has nothing to tell
    assert reports(stage) == [f"{ticket} lost back off", f"{ticket} lost error"]
    assert stage.query("SELECT failures FROM counted_tickets") == [(2,)]
    assert worker.stop() == 0
    stage.check()


def test_a_timeout_is_told(stage: Stage, worker: Worker) -> None:
    ticket = opened(stage, "Crash.short", params={"what": "swallow"}, max_attempts=1)
    assert stage.reached(ticket, "errored").error_kind == "timeout"
    told(stage, 1)
    assert reports(stage) == [f"{ticket} timeout error"]
    assert stage.query("SELECT failures FROM counted_tickets") == [(1,)]
    assert worker.stop() == 0
