"""`counterfoil up` as a person starts it: real processes in a folder of the test's own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"console  (http://[\d.:]+)\b.*\n")

APPLICATION = """
import os
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from counterfoil import Counterfoil, target

@target("Greeter.greet")
def greet(name: str) -> str:
    return f"hello {name}"

def create() -> Counterfoil:
    return Counterfoil(sessionmaker(create_engine(os.environ["DATABASE_URL"])))
"""


def until(true: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Installation:
    """A folder with an application and data. What runs is a session of its own, so that it is found."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        (folder / "greeting.py").write_text(APPLICATION)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "COUNTERFOIL_APP": "greeting:create",
            **environment,
        }
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end, on this installation's database."""
        database = f"sqlite:///{self.data}/counterfoil.sqlite3"
        return subprocess.run(
            [sys.executable, "-m", "counterfoil.cli", *arguments],
            cwd=self.folder,
            env={"DATABASE_URL": database, "COUNTERFOIL_DATA": str(self.data), **self.environment},
            capture_output=True,
            text=True,
            timeout=180,
        )

    def up(self, *arguments: str) -> None:
        """Start everything, and wait until the console's address is told."""
        command = [sys.executable, "-m", "counterfoil.cli", "up", "--port", "0", "--data", str(self.data)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self.process
        until(lambda: ADDRESS.search(self.told()) or process.poll() is not None)
        assert process.poll() is None, self.told()

    def told(self) -> str:
        return self.log.read_text()

    def address(self) -> str:
        found = ADDRESS.search(self.told())
        assert found
        return found[1]

    def processes(self) -> list[int]:
        """All that live in the session, the supervisor too."""
        assert self.process
        found = []
        for entry in Path("/proc").iterdir():
            try:
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue
            if int(session) == self.process.pid and state != "Z":
                found.append(int(entry.name))
        return found

    def pid_of(self, command: str) -> int:
        """The process that runs this command of ours."""
        for pid in self.processes():
            with suppress(OSError):  # it has ended meanwhile
                if f"\0{command}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        raise AssertionError(f"no {command} runs")

    def stop(self) -> int:
        """TERM; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def clean(self) -> None:
        """At a test's end: nothing is left, whatever happened."""
        if self.process:
            for pid in self.processes():
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(60)
