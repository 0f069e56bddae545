"""Work that takes its process with it, as an out-of-memory kill or a fault in a C library does."""

import os
import signal

from counterfoil import target


@target("Shop.poison", max_attempts=2)
def poison() -> None:
    """Kill the process that runs this. Other tickets, and the worker, go on."""
    os.kill(os.getpid(), signal.SIGKILL)
