"""One process that owns the servers of a test run, and ends with it however the run ends.

pytest's controller starts it (a few milliseconds) and holds the only writing end of its standard input;
when that closes - also by kill -9 - the keeper stops what it started and removes its folder. Workers of
xdist ask it by a Unix socket for a server; the first question starts it. It cannot keep servers from one
run to the next.
"""

import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from .postgres import PostgresServer
from .process import ServerDidNotStart
from .redis import RedisServer

ROOT = Path(__file__).resolve().parents[2]
IN_MEMORY = "/dev/shm"
ROOM_BYTES = 6 * 2**30


class Server(Protocol):
    url: str

    def start(self) -> None: ...
    def stop(self) -> None: ...


def in_memory() -> str | None:
    """A file system in memory with room enough, if there is one; None: where temporary files are.

    Each test of a database copies and drops one: on a disk, three quarters of its time.
    """
    try:
        found = os.statvfs(IN_MEMORY)
    except OSError:
        return None
    roomy = found.f_bavail * found.f_frsize >= ROOM_BYTES and os.access(IN_MEMORY, os.W_OK)
    return IN_MEMORY if roomy else None


class Keeper:
    """The controller's handle."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-tests-", dir=in_memory()))
        # The server's own user passes through here to its data.
        self.folder.chmod(0o711)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "keeper"))
            listener.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers", str(self.folder), str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                cwd=ROOT,
                start_new_session=True,
            )

    def close(self) -> None:
        """Stops every server and waits for it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(120)
        shutil.rmtree(self.folder, ignore_errors=True)


def ask(folder: Path, server: str) -> str:
    """The URL of the run's server, "postgres" or "redis", started if need be.

    Raises:
        ServerDidNotStart: with the reason.
    """
    with socket.socket(socket.AF_UNIX) as question:
        question.connect(str(folder / "keeper"))
        question.sendall(server.encode() + b"\n")
        answer = b"".join(iter(lambda: question.recv(65536), b"")).decode()
    kind, _, text = answer.partition(" ")
    if kind != "url":
        raise ServerDidNotStart(text or "the keeper of the test servers is gone")
    return text


def keep(folder: Path, listener: socket.socket) -> None:
    """Answers until standard input closes."""
    servers: dict[str, Server] = {}
    watched = selectors.DefaultSelector()
    watched.register(0, selectors.EVENT_READ)
    watched.register(listener, selectors.EVENT_READ)
    try:
        while True:
            for key, _ in watched.select():
                if key.fd == 0:
                    if not os.read(0, 1):
                        return
                    continue
                connection, _ = listener.accept()
                with connection:
                    _answer(connection, folder, servers)
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _answer(connection: socket.socket, folder: Path, servers: dict[str, Server]) -> None:
    name = connection.makefile().readline().strip()
    try:
        if name not in servers:
            server: Server = {"postgres": PostgresServer, "redis": RedisServer}[name](folder / name)
            try:
                server.start()
            except BaseException:
                server.stop()
                shutil.rmtree(folder / name, ignore_errors=True)
                raise
            servers[name] = server
        answer = f"url {servers[name].url}"
    except Exception as error:
        answer = f"error {error}"
    with suppress(OSError):  # the worker that asked is gone: the next one is not the poorer for it
        connection.sendall(answer.encode())
