"""A drain and its groups: it looks at pauses between tickets that run again, and gives back what is left."""

import threading
from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil import gathering
from counterfoil.settings import read_settings
from tests.counterfoil.core import Bench, in_session
from worker import drain
from worker.drain import Drain
from worker.horse import Wish
from worker.page import Page, Stage
from worker.witness import PageWitness


class Still(Wish):
    """A wish that leaves this process' signals alone."""

    def install(self) -> None:
        """Nothing."""


class Quiet:
    """A mouth that nobody listens to."""

    def say(self, message: Any) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


@pytest.fixture
def bench(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for dialect in gathering.SECONDS:
        monkeypatch.setitem(gathering.SECONDS, dialect, 60.0)
    monkeypatch.setattr(drain, "LOOK_SECONDS", 0.0)
    return Bench(engine)


def drained(bench: Bench, page: Page) -> Drain:
    """Run a drain of the default queue in this process, to its end."""
    mouth: Any = Quiet()
    witness = PageWitness(page, mouth)
    bench.runner.witness = witness
    made = Drain(bench.lease(), bench.runner, bench.transactions, witness, mouth, Still(), read_settings())
    made.run()
    return made


def test_a_drain_runs_all_that_is_due_in_groups_and_its_page_is_idle_in_the_end(bench: Bench) -> None:
    page = Page()
    seen: list[tuple[Stage, bool]] = []

    def work(ticket: Any) -> None:
        record = page.read()
        seen.append((record.stage, record.names(ticket.id, record.fence)))

    bench.work("T.many", work, commit="group")
    opened = [bench.open("T.many") for _ in range(25)]
    made = drained(bench, page)
    assert made.ran == 25
    assert {(bench.row(ticket).state, bench.row(ticket).attempts) for ticket in opened} == {("done", 1)}
    assert seen == [(Stage.RUNNING, True)] * 25
    assert page.read().stage is Stage.IDLE
    page.close()


def test_what_is_paused_in_the_meantime_is_given_back_and_not_run_again(bench: Bench) -> None:
    runs: list[int] = []

    def pause() -> None:
        bench.execute("UPDATE counterfoil_view_models SET paused = true WHERE name = 'T.many'")

    def work(ticket: Any) -> None:
        runs.append(ticket.id)
        assert bench.current is not None
        if len(runs) == 3:
            raise ValueError("the group is broken")
        if len(runs) == 4:
            operator = threading.Thread(target=pause)
            operator.start()
            operator.join(30)
        in_session(bench.current, "did it", ticket.id)

    bench.work("T.many", work, commit="group")
    one, *others = [bench.open("T.many") for _ in range(5)]
    page = Page()
    drained(bench, page)
    page.close()
    assert runs == [one, others[0], others[1], one]
    assert (bench.row(one).state, bench.row(one).attempts) == ("done", 1)
    for ticket in others:
        row = bench.row(ticket)
        assert (row.state, row.aside, row.attempts) == ("pending", "paused", 0)
    assert [tuple(row) for row in bench.all("SELECT ticket_id, note FROM effect")] == [(one, "did it")]
