"""Drains that take, renew and end their leases; some are left to run out."""

import random
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, text

from counterfoil.clock import MOMENT
from counterfoil.database import make_engine
from counterfoil.lease import end_lease, renew_lease, take_lease

SECONDS = 5.0
LEASE_SECONDS = 1.0

Held = tuple[str, str, bool]
"""From when to when a drain held a lease, by the database's clock, and whether it ended it itself."""


def drain_all(url: str, number: int, drains: int, told: Any) -> None:
    """One process with several drains as threads; tells what each of them held."""
    engine = make_engine(url, pool_size=drains + 1)
    held: list[Held] = []
    threads = [
        threading.Thread(target=_drain, args=(engine, random.Random(number * 100 + n), held))
        for n in range(drains)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put(held)


def _now(connection: Connection) -> str:
    moment = MOMENT[connection.dialect.name]
    return str(connection.execute(text(f"SELECT CAST({moment} AS TEXT)")).scalar_one())


def _until(connection: Connection, drain_id: str) -> str:
    until = text("SELECT CAST(until AS TEXT) FROM counterfoil_drains WHERE id = :id")
    return str(connection.execute(until, {"id": drain_id}).scalar_one())


def _drain(engine: Engine, chance: random.Random, held: list[Held]) -> None:
    until_end = time.monotonic() + SECONDS
    while time.monotonic() < until_end:
        with engine.begin() as connection:
            lease = take_lease(connection, "default", "race", LEASE_SECONDS)
        if lease is None:
            time.sleep(chance.random() * 0.2)
            continue
        with engine.begin() as connection:
            since = _now(connection)
        time.sleep(chance.random() * 0.2)
        with engine.begin() as connection:
            alive = renew_lease(connection, lease.id, LEASE_SECONDS)
        if alive and chance.random() < 0.7:
            with engine.begin() as connection:
                # Before it gives up its slot; and no longer than it had it, on a machine that stood still.
                until = min(_now(connection), _until(connection, lease.id))
                end_lease(connection, lease.id)
            held.append((since, until, True))
        else:
            with engine.begin() as connection:
                held.append((since, _until(connection, lease.id), False))


def live_at_once(held: list[Held]) -> int:
    """The most leases that were valid at one instant."""
    edges = sorted([(since, 1) for since, _, _ in held] + [(until, -1) for _, until, _ in held])
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most
