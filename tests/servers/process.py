"""What starting any server needs: a free port, a user that is not root, a wait that reports the log."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class ServerDidNotStart(Exception):
    """A server could not be found or did not answer; the message says what to do or shows its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def wait_until(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 30
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
