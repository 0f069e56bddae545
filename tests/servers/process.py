"""What starting any server needs: a free port, a user that is not root, a wait that reports the log."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PORTS = range(10_000, 20_000)
"""None that the system gives to outgoing connections or for port 0 (Linux: from 32,768 on)."""

_claims: list[socket.socket] = []


class ServerDidNotStart(Exception):
    """A server could not be found or did not answer; the message says what to do or shows its log."""


def free_port(row: int = 1) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, as are those after it in a row of so many.

    No other process of the tests gets them while this one lives, also while a server is down or starts.
    """
    for _ in range(1000):
        first = random.SystemRandom().choice(PORTS)
        if all(_claim(first + n) for n in range(row)):
            return first
    raise ServerDidNotStart(f"no {row} free ports in a row were found")


def _claim(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0counterfoil-tests-{port}")  # a name without a file: gone with the process
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def owner() -> tuple[int, int] | None:
    """User and group ids to run a server as, or None when the present user will do.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ServerDidNotStart(
        "running as root, and neither user 'postgres' nor 'nobody' exists to run PostgreSQL as"
    )


def dies_with_its_parent(command: list[str]) -> list[str]:
    """The command, ended by the kernel should its parent be killed (Linux; elsewhere unchanged)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command


def start(
    command: list[str], answers: Callable[[], bool], log: Path, **options: Any
) -> subprocess.Popen[bytes]:
    """A process that answers, in a session of its own; what it says is added to the log.

    Raises:
        ServerDidNotStart: with the end of its log; it does not run then.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **options)
    try:
        wait_until(answers, process, log)
    except BaseException:
        end(process, signal.SIGKILL)
        raise
    return process


def end(process: subprocess.Popen[bytes] | None, which: signal.Signals) -> None:
    """Ends it by this signal, by kill -9 when it takes no heed of it; without effect when it does not run."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(which)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 120
) -> None:
    """Returns when the server answers.

    Raises:
        ServerDidNotStart: it ended, or the time is over; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = f"ended with {process.returncode}" if ended else f"did not answer within {seconds} s"
            raise ServerDidNotStart(f"{process.args!r} {what}:\n{log.read_text()[-4000:]}")
        time.sleep(0.01)
