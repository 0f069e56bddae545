"""A horse that was forked before there is work: real forks, the database's part left out."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from counterfoil.lease import DrainLease
from tests.crash.stage import children, gone, wait_until
from worker import stable as stables
from worker.horse import Wish, has_ended
from worker.page import Page, Stage
from worker.pipe import Message, Mouth
from worker.stable import Horse, Stable

LEASE = DrainLease("d" * 32, "default", 3)


def tells(lease: DrainLease, page: Page, mouth: Mouth, wish: Wish) -> None:
    """The body of most tests: says which lease it was given, and where."""
    mouth.say({"lease": [lease.id, lease.queue, lease.slot], "pid": os.getpid(), "stop": wish.stop})
    mouth.flush()


def hang(*_: object) -> None:
    while True:
        time.sleep(60)


def quiet(seconds: float) -> AbstractContextManager[bool]:
    return nullcontext(True)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy warms slowly."""
    monkeypatch.setattr(stables, "WARM_SECONDS", 60.0)
    monkeypatch.setattr(stables, "HUNG_SECONDS", 60.0)


@pytest.fixture
def made() -> Iterator[Callable[..., Stable]]:
    """Makes stables; what waits in them at the end is ended."""
    every: list[Stable] = []

    def make(body: Any = tells, warm: Any = (), still: Any = quiet) -> Stable:
        every.append(Stable(body, still, warm))
        return every[-1]

    yield make
    for each in every:
        each.dismiss_spare()


def waiting(stable: Stable) -> int:
    """The process id of its spare, when that is warm."""
    stable.keep_spare()

    def warm() -> bool:
        stable._is_cold(0.0)  # listens
        return stable._spare_is_warm

    wait_until(warm, "a warm spare")
    assert stable.spare is not None
    return stable.spare


def drain(stable: Stable, lease: DrainLease = LEASE) -> Horse:
    horse = stable.horse(lease, 1.0)
    assert horse is not None
    return horse


def words(horse: Horse) -> list[Message]:
    """What a horse said until its end."""
    heard: list[Message] = []

    def over() -> bool:
        ended = has_ended(horse.pid)
        heard.extend(horse.ear.messages())
        return ended

    wait_until(over, "the horse's end")
    heard.extend(horse.ear.messages())
    os.waitpid(horse.pid, 0)
    horse.release()
    return [message for message in heard if "warm" not in message]


def test_the_spare_runs_the_drain_that_it_is_handed_as_the_lease_says(made: Any) -> None:
    stable = made()
    pid = waiting(stable)
    horse = drain(stable)
    assert (horse.pid, horse.was_spare, stable.spare) == (pid, True, None)
    assert words(horse) == [{"lease": [LEASE.id, "default", 3], "pid": pid, "stop": False}]


def test_a_spare_runs_one_drain_and_the_next_one_is_another_process(made: Any) -> None:
    stable = made()
    pids = []
    for slot in range(3):
        waiting(stable)
        horse = drain(stable, DrainLease("d", "default", slot))
        pids.append(horse.pid)
        [message] = words(horse)
        assert message["lease"][2] == slot
    assert len(set(pids)) == 3


def test_without_a_spare_a_horse_is_forked_at_once(made: Any) -> None:
    horse = drain(made())
    assert not horse.was_spare
    assert words(horse)[0]["pid"] == horse.pid


def test_a_spare_that_is_told_before_it_is_warm_leaves_the_rest_out(made: Any) -> None:
    gate, opens = os.pipe()
    stable = made(warm=[lambda: os.read(gate, 1), hang])
    stable.keep_spare()
    horse = drain(stable)
    assert horse.was_spare
    os.write(opens, b".")
    assert words(horse)[0]["pid"] == horse.pid
    os.close(gate)
    os.close(opens)


def test_a_spare_that_died_while_it_waited_costs_a_fork_and_is_replaced_with_back_off(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stables, "FIRST_BACK_OFF_SECONDS", 60.0)
    stable = made()
    pid = waiting(stable)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(pid), "its end")
    horse = drain(stable)
    assert not horse.was_spare
    assert words(horse)[0]["pid"] == horse.pid
    stable.keep_spare()
    assert stable.spare is None  # not yet
    monkeypatch.setattr(stables.time, "monotonic", lambda now=time.monotonic: now() + 61.0)
    stable.keep_spare()
    assert stable.spare not in (None, pid)


def test_the_back_off_grows_to_a_minute_and_is_over_when_a_spare_was_of_use(made: Any) -> None:
    stable = made()
    for _ in range(10):
        stable._not_before = 0.0
        os.kill(waiting(stable), signal.SIGKILL)
        pid = stable.spare
        wait_until(lambda pid=pid: gone(pid), "its end")
        stable.keep_spare()
    assert stable._back_off == stables.LONGEST_BACK_OFF_SECONDS
    stable._not_before = 0.0
    waiting(stable)
    words(drain(stable))
    assert stable._back_off == stables.FIRST_BACK_OFF_SECONDS


def test_a_spare_that_hangs_before_it_is_warm_is_killed_and_no_drain_waits_for_it(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stable = made(warm=[hang])
    stable.keep_spare()
    pid = stable.spare
    monkeypatch.setattr(stables, "WARM_SECONDS", 0.0)
    horse = drain(stable)
    assert not horse.was_spare
    words(horse)
    assert gone(pid)


def test_a_spare_that_cannot_get_warm_ends_and_the_drain_forks(made: Any) -> None:
    def fails() -> None:
        raise OSError("no database")

    stable = made(warm=[fails])
    stable.keep_spare()
    pid = stable.spare
    wait_until(lambda: gone(pid), "its end")
    assert words(drain(stable))[0]["lease"][0] == LEASE.id


def test_term_ends_a_spare_that_waits(made: Any) -> None:
    pid = waiting(made())
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: gone(pid), "its end")


def test_term_after_the_lease_was_handed_over_is_the_wish_to_stop_and_loses_no_lease(made: Any) -> None:
    stable = made()
    pid = waiting(stable)
    os.kill(pid, signal.SIGSTOP)
    horse = drain(stable)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGCONT)
    assert words(horse) == [{"lease": [LEASE.id, "default", 3], "pid": pid, "stop": True}]


def test_a_spare_whose_parent_closes_the_pipe_ends(made: Any) -> None:
    stable = made()
    pid = waiting(stable)
    stable._spare.orders.close()
    wait_until(lambda: gone(pid), "its end")


def test_the_page_of_one_horse_is_not_the_page_of_the_next(made: Any) -> None:
    def dies(lease: DrainLease, page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(page.read()._replace(stage=Stage.RUNNING, ticket_id=7))
        os._exit(3)

    stable = made(dies)
    waiting(stable)
    first = drain(stable)
    wait_until(lambda: has_ended(first.pid), "its end")
    assert first.page.read().ticket_id == 7
    words(first)
    waiting(stable)
    assert stable._spare.page.read().stage is Stage.IDLE


def test_nothing_is_forked_while_a_thread_is_at_work(made: Any) -> None:
    stable = made(still=lambda seconds: nullcontext(False))
    stable.keep_spare()
    assert stable.spare is None
    assert stable.horse(LEASE, 0.1) is None


def test_fifty_drains_leave_no_descriptor_no_child_and_no_zombie(made: Any) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    stable = made()
    words(drain(stable))
    before = descriptors(), children(os.getpid())
    for turn in range(50):
        if turn % 2:
            waiting(stable)
        if turn % 10 == 9:
            os.kill(stable.spare, signal.SIGKILL)
            stable._not_before = 0.0
        words(drain(stable))
        stable._not_before = 0.0
    waiting(stable)
    stable.dismiss_spare()
    assert (descriptors(), children(os.getpid())) == before
