"""The soak: openers, operators and workers under faults, and then the invariants.

Everything is drawn from one printed seed; what the machine makes of it is not. At the end the faults cease,
everything comes to rest, and `tests/invariants.py` must find nothing.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from counterfoil import door, schema
from counterfoil.acts import Actor, Refused, act
from counterfoil.database import make_engine
from counterfoil.ticket import Ticket
from tests import invariants
from tests.crash.stage import tidy_drains
from tests.servers import RedisServer
from tests.servers.postgres import PostgresServer

from .faults import ROOT, Crew, Faults

QUICK = {
    "COUNTERFOIL_LEASE_SECONDS": "4",
    "COUNTERFOIL_RENEW_SECONDS": "0.5",
    "COUNTERFOIL_LAPSE_WATCH_SECONDS": "6",
    "COUNTERFOIL_BACKOFF_SECONDS": "0.2",
    "COUNTERFOIL_BACKOFF_LIMIT_SECONDS": "2",
    "COUNTERFOIL_GRACE_SECONDS": "5",
}
ENDINGS = ("",) * 12 + ("postpone", "error", "fail", "kill", "exit 3")
WITHOUT = ("fence", "lifeline", "charge", "trail")
VERBS = ("retry", "run-now", "hold", "release", "expire", "fail", "stop", "reprioritise")
REST_SECONDS = 180
MOST_WAITING = 300


@dataclass
class Soak:
    """What one soak shares: chance, the database, and what happened."""

    engine: Engine
    seed: int
    without: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    opened: int = 0
    rolled_back: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)

    def open_tickets(self) -> None:
        """Transactions of some tickets; one in five is rolled back. The database may be away."""
        chance = random.Random(f"{self.seed} opener")
        while not self.over.wait(chance.random() * 0.1):
            with suppress(DBAPIError), Session(self.engine) as session:
                if self._waiting(session) > MOST_WAITING:
                    continue
                tickets = [self._ticket(chance) for _ in range(chance.randint(1, 5))]
                session.add_all(tickets)
                session.flush()
                if chance.random() < 0.2:
                    tokens = [ticket.token for ticket in tickets]
                    session.rollback()
                    self.rolled_back += tokens
                else:
                    session.commit()
                    self.opened += len(tickets)

    def _ticket(self, chance: random.Random) -> Ticket:
        lane = f"lane {chance.randrange(8)}" if chance.random() < 0.4 else None
        params = {"seconds": 0.3, "ending": chance.choice(ENDINGS)}
        return Ticket(view_model="Soak.work", params=params, lane=lane, queue="default")

    def _waiting(self, session: Session) -> int:
        return int(
            session.execute(text(f"SELECT count(*) FROM {door.TABLE} WHERE state = 'pending'")).scalar_one()
        )

    def operate(self) -> None:
        """An operator with bad manners: any verb on any ticket."""
        chance = random.Random(f"{self.seed} operator")
        by = Actor("olga", "console")
        while not self.over.wait(chance.random() * 0.3):
            verb = chance.choice(VERBS)
            arguments: dict[str, Any] = {}
            if verb == "reprioritise":
                arguments["priority"] = chance.choice((1, 5, 9))
            try:
                with self.engine.begin() as connection:
                    newest = connection.execute(text(f"SELECT max(id) FROM {door.TABLE}")).scalar() or 1
                    one = chance.randint(max(1, newest - 200), newest)
                    if self.without == "trail":
                        door.move(connection, verb, one, **arguments)
                    else:
                        act(connection, verb, one, by, reason="a soak", **arguments)
                self.acts[verb] += 1
            except Refused:
                self.acts["refused"] += 1
            except DBAPIError:
                self.acts["database away"] += 1

    def come_to_rest(self) -> bool:
        """Release what is held and wait until nothing waits or runs."""
        until = time.monotonic() + REST_SECONDS
        by = Actor("olga", "console")
        left = text(
            f"SELECT id, state FROM {door.TABLE} WHERE state IN ('held', 'pending', 'running') LIMIT 500"
        )
        while time.monotonic() < until:
            with suppress(DBAPIError, Refused), self.engine.begin() as connection:
                rows = connection.execute(left).all()
                if not rows:
                    return True
                for row in rows:
                    if row.state == "held":
                        act(connection, "release", row.id, by, reason="the soak ends")
            time.sleep(0.5)
        return False

    def violations(self, outside: Path) -> list[str]:
        """What must never be; I7 among it: nothing of a rolled back transaction exists."""
        tidy_drains(self.engine)
        found = invariants.violations(self.engine, outside=outside)
        with self.engine.connect() as connection:
            tokens = set(connection.execute(text(f"SELECT token FROM {door.TABLE}")).scalars())
            count = len(tokens)
        if ghosts := tokens & set(self.rolled_back):
            found.append(f"I7: {len(ghosts)} tickets of rolled back transactions exist")
        if count < self.opened:
            found.append(f"I1: {self.opened} committed tickets, {count} exist")
        return found


def run(options: argparse.Namespace) -> int:
    """One soak; 0 when nothing was violated."""
    database = "SQLite" if options.sqlite else "PostgreSQL"
    print(f"seed {options.seed}, {options.minutes:g} minutes, {database}", flush=True)
    with tempfile.TemporaryDirectory(prefix="counterfoil-soak-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        redis = RedisServer(folder / "redis")
        postgres = None if options.sqlite else PostgresServer(folder / "postgres", durable=True)
        try:
            redis.start()
            if postgres is not None:
                postgres.start()
            return _soak(options, folder, redis, postgres)
        finally:
            redis.stop()
            if postgres is not None:
                postgres.stop()


def _soak(
    options: argparse.Namespace, folder: Path, redis: RedisServer, postgres: PostgresServer | None
) -> int:
    url = f"sqlite:///{folder}/soak.sqlite3" if postgres is None else postgres.url
    schema.upgrade(url)
    engine = make_engine(url)
    invariants.install(engine)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
    environment = kept | QUICK | {
        "DATABASE_URL": url,
        "REDIS_URL": redis.url,
        "COUNTERFOIL_APP": "bench.soak_application:make",
        "CRASH_FOLDER": str(folder),
        "SOAK_WITHOUT": options.without,
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    crew = Crew(environment, folder, options.workers, schedulers=2)
    soak = Soak(engine, options.seed, options.without)
    faults = Faults(crew, redis, postgres, engine, random.Random(f"{options.seed} faults"))
    actors = [threading.Thread(target=actor) for actor in (soak.open_tickets, soak.operate)]
    try:
        for actor in actors:
            actor.start()
        _strike_until(time.monotonic() + options.minutes * 60, faults)
        soak.over.set()
        for actor in actors:
            actor.join()
        crew.revive()
        rested = soak.come_to_rest()
        codes = crew.stop()
    finally:
        soak.over.set()
        crew.end()
    return _tell(soak, faults, rested, codes, folder)


def _strike_until(end: float, faults: Faults) -> None:
    while time.monotonic() < end:
        time.sleep(faults.chance.uniform(1, 6))
        faults.strike()


def _tell(soak: Soak, faults: Faults, rested: bool, codes: list[int], folder: Path) -> int:
    print(f"opened {soak.opened}, rolled back {len(soak.rolled_back)}, acts {dict(soak.acts)}")
    print(f"faults {dict(faults.happened)}")
    with soak.engine.connect() as connection:
        states = connection.execute(
            text(f"SELECT state, count(*) AS count FROM {door.TABLE} GROUP BY state")
        ).all()
    print("in the end", {row.state: row.count for row in states})
    found = soak.violations(folder / "outside")
    if not rested:
        found.append(f"not at rest {REST_SECONDS} s after the last fault")
    if any(codes):
        found.append(f"exit codes after TERM: {codes}")
    for line in found[:50]:
        print(f"VIOLATED {line}")
    if found:
        _keep_logs(folder)
    print("violated" if found else "nothing was violated")
    return 1 if found else 0


def _keep_logs(folder: Path) -> None:
    kept = Path(tempfile.mkdtemp(prefix="counterfoil-soak-logs-"))
    for log in folder.glob("*.log"):
        (kept / log.name).write_bytes(log.read_bytes())
    print(f"logs are kept in {kept}")


def main() -> int:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description="minutes or hours of faults, then the invariants")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    parser.add_argument("--without", choices=WITHOUT, default="", help="take a protection out: must be found")
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
