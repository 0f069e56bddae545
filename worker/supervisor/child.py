"""One child process: what to start, and what became of it."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .orphans import dies_with_its_parent
from .output import Lines
from .restarts import Restarts

CONFIGURATION = 2


@dataclass(frozen=True)
class Plan:
    """What to start. `ready` is asked until it says so; `after` names children that have to be ready first.

    `once`: it may end with 0 and is then not started again. `last`: it is stopped after all others. `quiet`:
    what it says is shown only when it dies.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    once: bool = False
    last: bool = False
    quiet: bool = False


class Child:
    """A child of the supervisor, running or not."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.name = plan.name
        self.restarts = Restarts()
        self.lines = Lines()
        self.is_ready = False
        self.start_at: float | None = 0.0  # monotonic seconds; None: not to be started
        self.descriptor: int | None = None  # of its output, until it closes that
        self.unsaid: deque[str] = deque(maxlen=20)  # of a quiet one
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> int:
        """Starts it in a process group of its own (Ctrl-C reaches the supervisor only).

        Returns the descriptor of its output. Raises OSError.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own commands
            self.plan.command,
            env={**os.environ, **self.plan.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=dies_with_its_parent(),
        )
        assert self._process.stdout
        self.descriptor = self._process.stdout.fileno()
        os.set_blocking(self.descriptor, False)
        self.is_ready = self.plan.ready is None
        self.start_at = None
        return self.descriptor

    def signal(self, number: int) -> None:
        """To the child alone (KILL: to its whole group). It may be gone already."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            # Not Popen's: it would reap a child that just ended, behind our back.
            (os.killpg if number == signal.SIGKILL else os.kill)(self._process.pid, number)

    def has_ended(self) -> bool:
        """Whether it has ended and is not reaped yet."""
        if self._process is None:
            return False
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self) -> int:
        """Waits for its end and kills what it left in its group. The exit code, negative for a signal."""
        assert self._process
        assert self._process.stdout
        if hasattr(os, "waitid"):
            # Until it is reaped nobody else can get its id, so the group is still its own.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._process.stdout.close()
        self._process = self.descriptor = None
        self.is_ready = False
        return code


def reason(code: int) -> str:
    """How a child ended, in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    if code == CONFIGURATION:
        return "refused its configuration (exit code 2)"
    return f"ended with exit code {code}"
