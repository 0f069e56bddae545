"""The whole house, as `counterfoil up --demo` runs it: console, scheduler, workers, Redis and the shop."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"

QUICK = {
    "SHOP_VISITORS": "no",
    "SHOP_ATTEMPTS": "2",
    "SHOP_PRINT_SECONDS": "1.5",
    "COUNTERFOIL_BACKOFF_SECONDS": "2",
}
"""A shop without visitors, in which what goes wrong is told within seconds."""


@dataclass
class House:
    """Where everything is."""

    console: str
    shop: str
    first_entry: str
    data: Path
    log: Path

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database, read beside the running processes."""
        connection = sqlite3.connect(
            f"file:{self.data / 'counterfoil.sqlite3'}?mode=ro", uri=True, timeout=30
        )
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


@contextmanager
def running_house(folder: Path, environment: Mapping[str, str] = QUICK) -> Iterator[House]:
    """Start it on free ports; afterwards it has to stop cleanly.

    It runs in the shop's own folder, so that the shop's module `worker` stands in the way of ours.
    """
    data, log = folder / "data", folder / "log"
    own = {key: value for key, value in os.environ.items() if not key.startswith(("COUNTERFOIL_", "SHOP_"))}
    for name in ("DATABASE_URL", "REDIS_URL"):
        own.pop(name, None)
    paths = {"PYTHONPATH": f"{SHOP}{os.pathsep}{ROOT}", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "counterfoil.cli", "up", "--demo", "--port", "0", "--data", str(data)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=SHOP, env={**own, **paths, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield _addresses(process, data, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=120)
        finally:
            process.kill()
    assert code == 0, log.read_text()[-4000:]


def _addresses(process: subprocess.Popen[bytes], data: Path, log: Path) -> House:
    def announced() -> dict[str, str]:
        assert process.poll() is None, log.read_text()[-4000:]
        return dict(
            re.findall(r"^  (console|shop|first administrator)\b\D*?(http\S+)\n", log.read_text(), re.M)
        )

    found = wait_for(lambda: len(told := announced()) == 3 and told, 180, log)
    return House(found["console"], found["shop"], found["first administrator"], data, log)


def wait_for(ask: Callable[[], Any], seconds: float, log: Path) -> Any:
    """What `ask` gives as soon as it is true; the processes' log when it never is."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, f"not within {seconds:g} s\n{log.read_text()[-4000:]}"
        time.sleep(0.05)
    return found
