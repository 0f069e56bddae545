"""The first and the last act of a horse: the process that a worker forks for one drain.

It dies with its parent; it shares no connection with it; TERM means "stop after this ticket"; it has a
process group of its own, so that a TERM to the worker's group does not reach the work, and so that what it
leaves behind can be ended. It cannot reach a child of the work that made a session of its own.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

PR_SET_PDEATHSIG = 1

_STOPS = {signal.SIGTERM, signal.SIGINT}

ENDED_WELL = 0
ENDED_BADLY = 70  # EX_SOFTWARE

log = logging.getLogger("counterfoil.worker")

_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()


@event.listens_for(Engine, "engine_connect")
def _remember(connection: Connection) -> None:
    # Every engine of this process that ever connected: the host's own ones are known to nobody else.
    _engines.add(connection.engine)


class Told(BaseException):
    """Raised out of a wait: the horse was told to stop."""


class Wish:
    """Whether the horse was told to stop after this ticket."""

    def __init__(self) -> None:
        self.stop = False
        self._waits = False

    def install(self) -> None:
        """Take TERM; called again after each ticket, because work may change handlers."""
        signal.signal(signal.SIGTERM, self._signalled)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait(self, call: Callable[[], object]) -> None:
        """Call what waits and takes nothing. Raises Told, at once, when the wish comes or had come."""
        try:
            self._waits = True
            if self.stop:
                raise Told
            call()
        finally:
            self._waits = False

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.stop = True
        if self._waits:
            self._waits = False
            raise Told


def fork_horse(body: Callable[[Wish], None], forget: Callable[[], None]) -> int:
    """Fork, in the main thread only: the parent-death signal follows the thread that forked.

    In the child, `forget` (closes what is the parent's) and `body` are called, and the process ends. The
    child's process id is returned in the parent.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    # A TERM that comes before the horse has a handler of its own would be taken by the parent's.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        pid = os.fork()
        if pid == 0:
            _run(body, forget, parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    with suppress(OSError):
        os.setpgid(pid, pid)  # both sides do it, so that it is done before either goes on
    return pid


def has_ended(pid: int) -> bool:
    """Whether a child of ours has ended; it stays a zombie, so that its number remains its own."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_horse(pid: int) -> None:
    """Kill a child of ours and its process group, and reap it."""
    signal_group(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def signal_group(pid: int, number: int) -> None:
    """Signal a horse's process group, if there is one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _run(body: Callable[[Wish], None], forget: Callable[[], None], parent: int) -> NoReturn:
    code = ENDED_BADLY
    try:
        _die_with(parent)
        wish = Wish()
        wish.install()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        signal.set_wakeup_fd(-1)
        os.setpgid(0, 0)
        leave_connections()
        forget()
        body(wish)
        code = ENDED_WELL
    except BaseException:
        log.exception("a drain broke off")
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                code = code or ENDED_BADLY
        os._exit(code)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before the request
        os._exit(ENDED_BADLY)


def leave_connections() -> None:
    """Forget inherited connections without a word to their servers: a farewell would end the parent's."""
    for engine in list(_engines):
        try:
            engine.dispose(close=False)
        except SQLAlchemyError:
            log.exception("an engine could not be left")
    gc.freeze()  # what came from the parent is not this process' to collect
