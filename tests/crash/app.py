"""The application that crash tests run: work that does what it is told, with marks and gates for the test.

A mark is a line in a pipe that the test reads; a gate is a byte that the work waits for. `effect` has no
unique key on purpose: what happened twice shows. `outside` is a file: what stands for the rest of the world.
"""

import ctypes
import os
import resource
import signal
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import scoped_session, sessionmaker

from counterfoil import gathering
from counterfoil.database import make_engine
from counterfoil.declare import target
from counterfoil.host import Counterfoil

# Its tests wait for marks in the middle of a group, on a machine that may be busy.
gathering.SECONDS.update(sqlite=60.0, postgresql=60.0)

FOLDER = Path(os.environ.get("CRASH_FOLDER", "."))

engine = make_engine(os.environ.get("CRASH_DATABASE_URL") or os.environ.get("DATABASE_URL") or "sqlite://")
Session = scoped_session(sessionmaker(engine))


def make() -> Counterfoil:
    """For COUNTERFOIL_APP."""
    return Counterfoil(Session)


def mark(line: str) -> None:
    """Tell the test."""
    with open(FOLDER / "marks", "w") as pipe:
        pipe.write(f"{line}\n")


def gate(name: str) -> None:
    """Wait for the test."""
    with open(FOLDER / name, "rb", buffering=0) as pipe:
        pipe.read(1)


def effect(ticket: Any) -> None:
    """Inside: a row of the work's transaction. Outside: a line that no rollback takes back."""
    Session().execute(
        text("INSERT INTO effect (ticket_id, attempt) VALUES (:id, :attempt)"),
        {"id": ticket.id, "attempt": ticket.attempt},
    )
    with open(FOLDER / "outside", "a") as file:
        file.write(f"{ticket.id} {ticket.attempt} {ticket.idempotency_key}\n")


def does(ticket: Any, what: str) -> None:
    """One of the ways in which work misbehaves."""
    match what:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill once" if ticket.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit 0":
            os._exit(0)
        case "exit 3":
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "system exit":
            raise SystemExit(1)
        case "keyboard interrupt":
            raise KeyboardInterrupt
        case "generator exit":
            raise GeneratorExit
        case "recursion":
            does(ticket, "recursion")
        case "memory":
            raise MemoryError
        case "eat" | "eat in C":
            eat(in_c=what == "eat in C")
        case "mute":
            raise Mute
        case "long text":
            raise ValueError("x" * 10_000_000)
        case "unencodable":
            raise ValueError("\ud800 \0")
        case "child":
            child = subprocess.Popen(["sleep", "600"])
            (FOLDER / "child").write_text(str(child.pid))
            os._exit(0)
        case "handlers":
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        case "handlers and wait":
            does(ticket, "handlers")
            does(ticket, "wait")
        case "descriptors" if not (FOLDER / "taken").exists():  # once: a lost connection postpones
            for name in os.listdir("/proc/self/fd"):
                with suppress(OSError):
                    # Not files: SQLite in this process could not bear that, whoever did it.
                    if int(name) > 2 and not stat.S_ISREG(os.fstat(int(name)).st_mode):
                        os.close(int(name))
            open(FOLDER / "taken", "w")  # noqa: SIM115 - takes a descriptor that was the pipe's
        case "swallow":
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    continue
        case "spin":
            while True:
                pow(3, 200_000)
        case "wait":
            mark(f"started {ticket.id} {ticket.attempt}")
            gate("gate")


def eat(in_c: bool) -> None:
    """Take memory until there is no more: of what Python asks for, or where nobody checks the answer."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20, hard))
    if in_c:
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        ctypes.memset(libc.malloc(ctypes.c_size_t(2**30)), 1, 2**30)
    eaten = []
    while True:
        eaten.append(bytearray(2**24))  # what is refused leaves enough to tell of it


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@target("Crash.work", max_attempts=3, timeout_seconds=60)
def work(ticket: Any, *, what: str = "", before: str = "") -> str:
    """`before` the effect, or after it, does `what`."""
    if before:
        does(ticket, before)
    effect(ticket)
    if what:
        does(ticket, what)
    return f"attempt {ticket.attempt}"


@target("Crash.many", max_attempts=3, timeout_seconds=60, commit="group")
def many(ticket: Any, *, what: str = "") -> str:
    """An effect, inside only, then does `what`; in a group."""
    Session().execute(
        text("INSERT INTO effect (ticket_id, attempt) VALUES (:id, :attempt)"),
        {"id": ticket.id, "attempt": ticket.attempt},
    )
    if what:
        does(ticket, what)
    return f"attempt {ticket.attempt}"


@target("Crash.short", max_attempts=2, timeout_seconds=1)
def short(ticket: Any, *, what: str) -> None:
    """The same with a second to do it in."""
    effect(ticket)
    mark(f"started {ticket.id} {ticket.attempt}")
    does(ticket, what)


@target("Crash.talk", max_attempts=1, timeout_seconds=60)
def talk(ticket: Any, *, lines: int = 3, what: str = "") -> None:
    """Logs and reports progress, then does `what`."""
    effect(ticket)
    for n in range(lines):
        ticket.log(f"line {n}", "warning")
        ticket.progress(n + 1, lines, "talking")
    does(ticket, what)
