"""Ten schedulers, one leader; a leader that is stopped and continued (F14); a watch before lapsing."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from worker.scheduler import loop
from worker.scheduler.duty import Beat
from worker.scheduler.leader import Leadership, Term
from worker.scheduler.loop import Scheduler
from worker.scheduler.watch import Watch
from worker.stop import Stop

from .scheduling import settings_for


def hold(engine: Engine, leadership: Leadership) -> Term | None:
    with engine.begin() as connection:
        return leadership.hold(connection)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Count:
    """A duty that counts; `every_seconds` as the loop wants it."""

    word = "count"
    every_seconds = 0.0

    def __init__(self) -> None:
        self.times: list[float] = []
        self.errors: list[Exception] = []

    def act(self, beat: Beat) -> int:
        self.times.append(time.monotonic())
        if self.errors:
            raise self.errors[0]
        return 1


def test_of_ten_that_ask_together_one_leads(engine: Engine) -> None:
    together = threading.Barrier(10)
    answers: list[Term | None] = []

    def ask(name: str) -> None:
        leadership = Leadership(name, 60)
        together.wait()
        answers.append(hold(engine, leadership))

    threads = [threading.Thread(target=ask, args=(f"s{n}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 10
    assert [answer.number for answer in answers if answer] == [1]


def test_the_holder_renews_within_its_term_and_others_are_refused(engine: Engine) -> None:
    one, other = Leadership("one", 60), Leadership("other", 60)
    first, again = hold(engine, one), hold(engine, one)
    assert first
    assert again
    assert first.number == again.number == 1
    assert again.renewed_at >= first.renewed_at
    assert hold(engine, other) is None


def test_a_holder_that_was_stopped_longer_than_its_term_finds_itself_replaced(engine: Engine) -> None:
    one, other = Leadership("one", 60), Leadership("other", 60)
    assert hold(engine, one)
    with engine.begin() as connection:  # the term is over: as if the holder had been stopped for a minute
        past = "2020-01-01 00:00:00.000000"
        connection.execute(
            text("UPDATE counterfoil_leader SET until = :past"),
            {"past": past} if engine.dialect.name == "sqlite" else {"past": past + "+00"},
        )
    taken = hold(engine, other)
    assert taken
    assert taken.number == 2
    assert hold(engine, one) is None


def test_a_released_row_is_taken_at_once_with_the_next_term(engine: Engine) -> None:
    one, other = Leadership("one", 60), Leadership("other", 60)
    assert hold(engine, one)
    with engine.begin() as connection:
        one.release(connection)
    taken = hold(engine, other)
    assert taken
    assert taken.number == 2


def test_when_the_leader_stands_still_another_acts_and_the_continued_one_follows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "RENEWAL_SECONDS", 60.0)  # three share a database with whatever runs beside
    settings = settings_for(engine, beat_seconds=0.05)
    made = []
    for _ in range(3):
        duty = Count()
        scheduler = Scheduler(settings, engine, Stop(), [duty])
        made.append((scheduler, duty))
    (frozen, frozen_duty), *others = made
    frozen.leadership.term_seconds = 1.0
    for scheduler, _ in others:
        scheduler.leadership.term_seconds = 60.0  # these do not stand still, however busy the machine
    frozen.one_beat()
    assert len(frozen_duty.times) == 1

    threads = [threading.Thread(target=scheduler.run) for scheduler, _ in others]
    for thread in threads:
        thread.start()
    until(lambda: any(duty.times for _, duty in others))
    frozen.one_beat()
    assert len(frozen_duty.times) == 1
    assert frozen.term is None
    for scheduler, _ in others:
        scheduler.stop.ask()
    for thread in threads:
        thread.join(60)
    acted = [duty for _, duty in others if duty.times]
    assert len(acted) == 1 or not _overlap(acted)
    with engine.connect() as connection:
        left = connection.execute(text("SELECT name FROM counterfoil_workers")).scalars().all()
    assert left == [frozen.row.name]  # the stopped ones said good-bye


def _overlap(duties: list[Count]) -> bool:
    first, second = sorted(duties, key=lambda duty: duty.times[0])
    return first.times[-1] > second.times[0]


def test_a_duty_that_fails_stops_no_other_and_is_logged_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Count(), Count()
    bad.word, bad.errors = "bad", [RuntimeError("one bad row")]
    scheduler = Scheduler(settings_for(engine), engine, Stop(), [bad, good])
    for _ in range(3):
        scheduler.one_beat()
    assert len(bad.times) == len(good.times) == 3
    assert sum("bad failed" in record.message for record in caplog.records) == 1
    with engine.connect() as connection:
        row = connection.execute(text("SELECT duties FROM counterfoil_workers")).scalar_one()
    assert "RuntimeError: one bad row" in str(row)
    assert scheduler.books["bad"].errors == 3
    assert scheduler.books["count"].total == 3


def test_the_watch_needs_writes_without_a_gap() -> None:
    watch = Watch(25)
    assert not watch.steady(0)
    for now in range(26):
        watch.wrote(float(now))
    assert watch.steady(25)
    assert not Watch(25).steady(25)
    watch.wrote(32.0)  # seven seconds without a write: the database was away, or somebody held its lock
    assert not watch.steady(32)
    assert not watch.steady(56)
    for now in range(33, 58):
        watch.wrote(float(now))
    assert watch.steady(57)
    assert not watch.steady(63)
    watch.interrupted()
    assert not watch.steady(57)
