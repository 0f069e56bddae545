"""The parent's eye on a horse: real forks, a page and a pipe, with the database's part played by the test."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.crash.stage import gone, wait_until
from worker.ending import Cause, Ending
from worker.horse import Wish, fork_horse
from worker.notes import Notes
from worker.page import Page, Record, Stage
from worker.pipe import Ear, Message, Mouth, open_pipe
from worker.stop import Stop
from worker.watch import Watch

FENCE = "f" * 32


def running(seconds: float = 60.0, fence: str = FENCE, stage: Stage = Stage.RUNNING) -> Record:
    return Record(stage, 7, 1, fence, time.monotonic() + seconds, seconds)


def answered(value: bool) -> "Future[bool]":
    answer: Future[bool] = Future()
    answer.set_result(value)
    return answer


class Scene:
    """Duties that answer as the test says, and a watch on a body that it forks."""

    def __init__(self) -> None:
        self.page = Page()
        self.stop = Stop()
        self.heard: list[Message] = []
        self.renewals = 0
        self.renewal: Callable[[], Future[bool]] = lambda: answered(True)
        self.ours: Callable[[], Future[bool]] = lambda: answered(True)
        self.notes = Notes("drain", lambda call: Future())
        self.pids: list[int] = []

    def renew(self) -> "Future[bool]":
        self.renewals += 1
        return self.renewal()

    def check(self, record: Record) -> "Future[bool]":
        return self.ours()

    def hear(self, message: Message) -> None:
        self.heard.append(message)

    def watch(self, body: Callable[[Page, Mouth, Wish], Any], grace_seconds: float = 60.0) -> Watch:
        reading, writing = open_pipe()
        ear = Ear(reading)
        pid = fork_horse(lambda wish: body(self.page, Mouth(writing), wish), forget=ear.close)
        os.close(writing)
        self.pids.append(pid)
        return Watch(pid, self.page, ear, self, self.stop, renew_seconds=0.1, grace_seconds=grace_seconds)

    def see(self, body: Callable[[Page, Mouth, Wish], Any], grace_seconds: float = 60.0) -> Ending:
        watch = self.watch(body, grace_seconds)
        try:
            return watch.until_end()
        finally:
            watch.ear.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    for pid in made.pids:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def hang(page: Page, mouth: Mouth, wish: Wish) -> None:
    page.write(running())
    while True:
        time.sleep(60)


def test_a_horse_that_comes_to_its_end_is_done_and_what_it_said_is_heard(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        mouth.say({"ring": True})
        mouth.say({"ran": 3})

    assert scene.see(body).cause is Cause.DONE
    assert scene.heard == [{"ring": True}, {"ran": 3}]


def test_the_last_words_of_a_horse_are_heard_to_the_end(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        for n in range(100):
            mouth.say({"n": n, "text": "x" * 8_000})
        os.kill(os.getpid(), signal.SIGKILL)

    assert scene.see(body).cause is Cause.DIED
    assert [message["n"] for message in scene.heard] == list(range(100))


def test_exit_0_in_the_middle_of_the_work_is_no_good_end(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(running())
        os._exit(0)

    ending = scene.see(body)
    assert ending.cause is Cause.DIED
    assert ending.charges(7, FENCE)
    assert ending.failure().text == "worker exited with 0 in the middle of the work"


@pytest.mark.alone
def test_work_beyond_its_deadline_is_killed_even_when_it_ignores_signals(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        page.write(running(0.3))
        while True:
            time.sleep(60)

    started = time.monotonic()
    ending = scene.see(body)
    assert 0.3 <= time.monotonic() - started < 1.5
    assert (ending.cause, ending.record.timeout_seconds) == (Cause.TIMEOUT, 0.3)
    assert "timeout" in ending.failure().text


def test_a_horse_that_moved_on_between_the_look_and_the_kill_lives(scene: Scene) -> None:
    watch = scene.watch(hang)
    wait_until(lambda: scene.page.read().stage is Stage.RUNNING, "its page")
    # What the parent saw a moment ago; the page speaks of another fence by now.
    watch._keep_deadline(running(-1.0, fence="a" * 32))
    assert watch.cause is None
    assert not gone(watch.pid)
    assert ") T" not in Path(f"/proc/{watch.pid}/stat").read_text(), "it is let go on"
    watch.ear.close()


def test_a_claimed_ticket_has_no_deadline(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(Record(Stage.CLAIMED, 7, 1, FENCE))
        time.sleep(0.5)
        page.write(Record())

    assert scene.see(body).cause is Cause.DONE


def test_a_lost_lease_ends_the_horse_and_an_unreachable_database_does_not(scene: Scene) -> None:
    def unreachable() -> "Future[bool]":
        answer: Future[bool] = Future()
        answer.set_exception(ConnectionError())
        if scene.renewals >= 3:
            return answered(False)
        return answer

    scene.renewal = unreachable
    assert scene.see(hang).cause is Cause.LEASE
    assert scene.renewals >= 3


@pytest.mark.alone
def test_a_database_that_hangs_keeps_the_parent_from_nothing(scene: Scene) -> None:
    scene.renewal = Future  # never answered

    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(running(0.5))
        time.sleep(60)

    started = time.monotonic()
    assert scene.see(body).cause is Cause.TIMEOUT
    assert time.monotonic() - started < 2
    assert scene.renewals == 1


def test_a_ticket_whose_fence_was_replaced_is_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.watch.FENCE_CHECK_SECONDS", 0.1)
    scene.ours = lambda: answered(False)
    ending = scene.see(hang)
    assert ending.cause is Cause.TAKEN


def test_an_answer_about_a_ticket_that_is_over_does_not_end_the_next_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.watch.FENCE_CHECK_SECONDS", 0.1)
    late: list[Future[bool]] = []
    gate, opens = os.pipe()

    def asked() -> "Future[bool]":
        late.append(Future())
        if len(late) == 1:
            os.write(opens, b".")  # asked about the first: its work may end
        return late[-1]

    scene.ours = asked

    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        for fence in ("a" * 32, "b" * 32):
            page.write(running(fence=fence))
            os.read(gate, 1)
        page.write(Record())

    watch = scene.watch(body)
    watch.duties.hear = lambda message: None  # type: ignore[method-assign]
    original = watch._keep_fence

    def keep(record: Record) -> None:
        if record.fence.startswith("b") and late and not late[0].done():
            late[0].set_result(False)
            original(record)
            os.write(opens, b".")  # answered in the middle of the second
        else:
            original(record)

    watch._keep_fence = keep  # type: ignore[method-assign]
    assert watch.until_end().cause is Cause.DONE
    assert late[0].done()
    watch.ear.close()
    for end in (gate, opens):
        os.close(end)


def test_the_wish_to_stop_is_passed_on_once_and_the_horse_ends_by_itself(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(running())
        while not wish.stop:
            time.sleep(0.01)
        page.write(Record())

    scene.stop.ask()
    assert scene.see(body).cause is Cause.DONE


def test_beyond_the_grace_it_is_ended_and_nothing_is_charged(scene: Scene) -> None:
    scene.stop.ask()
    ending = scene.see(hang, grace_seconds=0.2)
    assert ending.cause is Cause.STOPPED
    assert not ending.charges(7, FENCE)


def test_children_of_the_work_are_ended_with_it_before_its_number_can_be_anybody_elses(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        child = subprocess.Popen(["sleep", "600"])
        mouth.say({"child": child.pid})

    assert scene.see(body).cause is Cause.DONE
    [message] = scene.heard
    wait_until(lambda: gone(message["child"]), "the child's end")


def test_a_page_that_was_scribbled_over_charges_what_ran(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page._memory[:] = b"\xff" * len(page._memory)
        os._exit(0)

    ending = scene.see(body)
    assert ending.cause is Cause.DIED
    assert ending.charges(99, "any")


@pytest.mark.alone
def test_a_horse_that_never_stops_talking_does_not_keep_the_parent_from_its_deadline(scene: Scene) -> None:
    def body(page: Page, mouth: Mouth, wish: Wish) -> None:
        page.write(running(0.5))
        while True:
            mouth.say({"log": "x" * 1000, "ticket": 1, "claim": 1, "level": 20})

    started = time.monotonic()
    assert scene.see(body).cause is Cause.TIMEOUT
    assert time.monotonic() - started < 2.5
