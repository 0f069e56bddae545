"""No child outlives the supervisor: on Linux the kernel sees to it, however the supervisor ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2)


def dies_with_its_parent() -> Callable[[], None] | None:
    """For Popen's preexec_fn: asks for SIGKILL when the parent ends. None where the kernel cannot.

    The signal follows the thread that forked, so the supervisor starts children from its only thread. A
    parent that was gone before the question shows as another parent; then the child ends itself.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # looked up before the fork
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask
