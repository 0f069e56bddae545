"""The supervisor's loop with real processes: restart, back-off, giving up, stopping."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.supervisor import restarts
from worker.supervisor.child import Plan
from worker.supervisor.loop import Loop
from worker.supervisor.output import Output
from worker.supervisor.restarts import Restarts

ROOT = Path(__file__).parents[2]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def run(
    plans: list[Plan], grace_seconds: float = 5, when: Callable[[Loop], None] | None = None
) -> tuple[int, str]:
    """The loop's code and all it wrote. `when` runs beside it, in a thread."""
    stream = io.StringIO()
    loop = Loop(plans, Output([plan.name for plan in plans], stream), grace_seconds)
    if when:
        threading.Thread(target=when, args=(loop,), daemon=True).start()
    return loop.run(), stream.getvalue()


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_lines_of_children_bear_their_name() -> None:
    def when(loop: Loop) -> None:
        until(lambda: not loop.children["greeter"].running and loop.children["greeter"].start_at is None)
        stop()

    code, told = run(
        [Plan("greeter", sh("echo hello; echo trouble >&2; printf unfinished"), once=True)], when=when
    )
    assert code == 0
    assert "greeter     | hello\n" in told
    assert "greeter     | trouble\n" in told
    assert "greeter     | unfinished\n" in told


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> float:
    """The first back-off, in seconds: a tenth of what it is."""
    monkeypatch.setattr(restarts, "FIRST_SECONDS", restarts.FIRST_SECONDS / 10)
    return restarts.FIRST_SECONDS


def test_what_dies_is_started_again_with_its_reason_and_after_the_fifth_death_it_gives_up(
    tmp_path: Path, hurried: float
) -> None:
    starts = tmp_path / "starts"
    started = time.monotonic()
    code, told = run([Plan("weak", sh(f"echo . >> {starts}; kill -9 $$")), Plan("strong", sh("sleep 1000"))])
    assert code == 1
    assert len(starts.read_text().split()) == 5
    assert told.count("weak was killed by SIGKILL; starting it again in") == 4
    assert "giving up: weak was killed by SIGKILL, the 5th time within a minute" in told
    # 1 + 2 + 4 + 8 times the first back-off
    assert time.monotonic() - started > 14 * hurried


def test_back_off_doubles_and_old_deaths_are_forgotten() -> None:
    deaths = Restarts()
    assert [deaths.after_death(float(n)) for n in range(4)] == [0.5, 1, 2, 4]
    assert deaths.after_death(100) == 0.5
    assert [deaths.after_death(101.0 + n) for n in range(4)] == [1, 2, 4, None]


def test_a_refused_configuration_is_not_tried_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    code, told = run([Plan("refusing", sh(f"echo . >> {starts}; echo why; exit 2"))])
    assert code == 1
    assert starts.read_text().split() == ["."]
    assert "refusing    | why" in told
    assert "giving up: refusing refused its configuration (exit code 2)" in told


@pytest.mark.usefixtures("hurried")
def test_a_command_that_is_not_there_is_named() -> None:
    code, told = run([Plan("ghost", ["/nonexistent/ghost"])])
    assert code == 1
    assert "ghost cannot be started" in told
    assert "/nonexistent/ghost" in told


def test_one_that_may_end_is_not_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"

    def when(loop: Loop) -> None:
        until(lambda: starts.exists() and not loop.children["once"].running)
        stop()

    code, told = run([Plan("once", sh(f"echo . >> {starts}"), once=True)], when=when)
    assert code == 0
    assert starts.read_text().split() == ["."]
    assert "starting it again" not in told


def test_a_child_starts_after_those_it_needs_are_ready_and_these_are_stopped_last(tmp_path: Path) -> None:
    mark, order = tmp_path / "mark", tmp_path / "order"
    base = f"trap 'echo base >> {order}; exit' TERM; touch {mark}; while :; do sleep 0.05; done"
    user = f"trap 'echo user >> {order}; exit' TERM; ls {mark} && touch {mark}2; while :; do sleep 0.05; done"

    def when(loop: Loop) -> None:
        until((tmp_path / "mark2").exists)
        stop()

    announced: list[str] = []
    stream = io.StringIO()
    plans = [
        Plan("user", sh(user), after=("base",)),
        Plan("base", sh(base), ready=mark.exists, last=True),
    ]
    loop = Loop(plans, Output(["user", "base"], stream), 60)
    loop.when_ready({"base", "user"}, lambda: announced.append("ready"))
    threading.Thread(target=when, args=(loop,), daemon=True).start()
    assert loop.run() == 0
    assert announced == ["ready"]
    assert order.read_text().split() == ["user", "base"]


@pytest.mark.alone
def test_what_ignores_term_is_killed_with_all_its_group_after_the_grace(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    stubborn = f"trap '' TERM; sleep 1000 & echo $$ $! > {pids}; wait; sleep 1000"

    def when(loop: Loop) -> None:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        stop()

    started = time.monotonic()
    code, told = run([Plan("stubborn", sh(stubborn))], grace_seconds=0.5, when=when)
    assert code == 0
    assert 0.5 < time.monotonic() - started < 5
    assert "stubborn did not stop in time and is killed" in told
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not alive(pid))  # type: ignore[misc]


@pytest.mark.alone
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def when(loop: Loop) -> None:
        until(mark.exists)
        stop()
        until(lambda: loop.stopping is not None)
        stop()

    started = time.monotonic()
    code, _ = run([Plan("stubborn", sh(f"trap '' TERM; touch {mark}; sleep 1000; sleep 1000"))], 60, when)
    assert code == 0
    assert time.monotonic() - started < 10


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's"
)
def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = textwrap.dedent(
        f"""
        from worker.supervisor.child import Plan
        from worker.supervisor.loop import Loop
        from worker.supervisor.output import Output
        plan = Plan("child", ["sh", "-c", "trap '' TERM; echo $$ > {pids}; exec sleep 1000"])
        Loop([plan], Output(["child"]), 5).run()
        """
    )
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL)
    until(lambda: pids.exists() and bool(pids.read_text().strip()))
    supervisor.kill()
    supervisor.wait()
    until(lambda: not alive(int(pids.read_text())))


def test_a_quiet_child_is_heard_only_when_it_dies(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def when(loop: Loop) -> None:
        until(lambda: loop.children["redis"].restarts.recent(time.monotonic()) == 1)
        stop()

    plans = [
        Plan("redis", sh("echo the port is taken; exit 1"), quiet=True),
        Plan("calm", sh(f"echo chatter; touch {mark}; sleep 1000"), quiet=True),
    ]
    code, told = run(plans, when=when)
    assert code == 0
    assert "redis       | the port is taken" in told
    assert "chatter" not in told
