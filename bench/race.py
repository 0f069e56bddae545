"""The race of `bench/throughput`: contestants one after the other, interleaved, medians and ratios.

Two workers stand ready before there is anything to do. What looks on must not slow what it looks at: ours
is counted by the times that its rows bear when all is over, RQ's by the length of its list.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from counterfoil.bell import ring
from counterfoil.database import make_engine

from . import peers, pgqueuer_peer
from .bare import GO
from .rig import Rig, arguments, know, rig, tell, wait_until

LIMIT_SECONDS = 120.0
OURS = ["-m", "counterfoil.cli", "worker", "--queue", "bench"]
MANY = 5
"""So many times the jobs for those who are done with them in no time."""
SCHEDULER = ["-m", "counterfoil.cli", "scheduler"]


@dataclass(frozen=True)
class Contestant:
    """One way to run jobs; `run` has two workers do so many and returns how many a second."""

    name: str
    jobs: int
    run: Callable[[Rig, int], float]


def contestants(jobs: int) -> list[Contestant]:
    """Ours on both databases, RQ's two workers; RQ runs fewer jobs, it takes long enough."""
    bare = _ours("PostgreSQL", "Bench.nothing", ["-m", "bench.bare", "worker"])
    found = [Contestant("bare loop, PostgreSQL, nothing", jobs, bare)]
    for work, peer in (("nothing", "peer_nothing"), ("insert", "peer_insert")):
        for name in ("PostgreSQL", "SQLite"):
            found.append(Contestant(f"ours, {name}, {work}", jobs, _ours(name, f"Bench.{work}")))
            many = _ours(name, f"Bench.{work}_grouped")
            found.append(Contestant(f"ours, {name}, {work}, grouped", jobs * MANY, many))
        for name, share in (("SimpleWorker", 4), ("forking Worker", 40)):
            found.append(Contestant(f"RQ {name}, {work}", jobs // share, _rq(name, peer)))
        if pgqueuer_peer.is_there():
            found.append(Contestant(f"PgQueuer, {work}", jobs * MANY, _pgqueuer(work)))
    return found


def _ours(database: str, work: str, command: list[str] = OURS) -> Callable[[Rig, int], float]:
    def run(where: Rig, n: int) -> float:
        url = where.database_url if database == "PostgreSQL" else where.sqlite_url
        with where.workers([command] * 2, url):
            fill(url, work, n)
            where.redis.set(GO, 1)
            ring(where.redis, {"bench": 0})
            return _rate(url, where)

    return run


def fill(url: str, work: str, n: int) -> None:
    """So many tickets, and the statistics that a database has of them after a minute."""
    know(url, work)
    engine = make_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM counterfoil_tickets"))
        one = text("INSERT INTO counterfoil_tickets (view_model, opened_via) VALUES (:work, 'bench')")
        for start in range(0, n, 1000):
            connection.execute(one, [{"work": work}] * min(1000, n - start))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        postgresql = engine.dialect.name == "postgresql"
        connection.exec_driver_sql("VACUUM ANALYZE counterfoil_tickets" if postgresql else "ANALYZE")


def _rate(url: str, where: Rig) -> float:
    """Wait until all are done; how many a second, from the first that was to the last."""
    waits = "SELECT 1 FROM counterfoil_tickets WHERE state IN ('pending', 'running') LIMIT 1"
    times = "SELECT count(*), min(done), max(done) FROM counterfoil_tickets WHERE state = 'done'"
    if url.startswith("sqlite"):
        times = times.replace("min(done), max(done)", "0, (julianday(max(done))-julianday(min(done)))*86400")
    rung = time.monotonic()
    with make_engine(url, poolclass=NullPool).connect() as connection:

        def is_over() -> bool:
            nonlocal rung
            if time.monotonic() > rung + 1:  # what the scheduler would do
                rung = time.monotonic()
                ring(where.redis, {"bench": 0})
            over = connection.execute(text(waits)).first() is None
            connection.rollback()
            return over

        wait_until(is_over, LIMIT_SECONDS, where.folder / "workers.log", every=0.1)
        count, first, last = connection.execute(text(times)).one()
    seconds = last if url.startswith("sqlite") else (last - first).total_seconds()
    return float((count - 1) / seconds)


def _rq(worker: str, function: str) -> Callable[[Rig, int], float]:
    def run(where: Rig, n: int) -> float:
        with where.workers([peers.command(worker)] * 2, where.database_url):
            peers.enqueue(where, function, n)
            redis, first, at_first = where.redis, 0.0, 0
            until = time.monotonic() + LIMIT_SECONDS
            while left := _left(redis):
                if left < n and not first:
                    first, at_first = time.monotonic(), left
                if time.monotonic() > until:
                    raise SystemExit(f"RQ {worker}: {left} jobs left after {LIMIT_SECONDS:g} s")
                time.sleep(0.01)
            return at_first / (time.monotonic() - first)

    return run


def _pgqueuer(work: str) -> Callable[[Rig, int], float]:
    return lambda where, n: pgqueuer_peer.rate(where, work, n)


def _left(redis: Redis) -> int:
    return int(redis.llen("rq:queue:bench")) + int(redis.zcard("rq:wip:bench"))


def main() -> int:
    """Run the race and print medians and ratios."""
    parser = arguments("tickets a second beside RQ, in one run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=4000)
    parser.add_argument("--only", default="", help="contestants whose name has this text")
    given = parser.parse_args()
    if not pgqueuer_peer.is_there():
        print(f"without the peer PgQueuer: {pgqueuer_peer.INSTALL}", file=sys.stderr)
    figures: dict[str, list[float]] = {}
    with rig() as where:
        for repeat in range(given.repeats):
            for contestant in contestants(given.tickets):
                if given.only not in contestant.name:
                    continue
                rate = contestant.run(where, contestant.jobs)
                figures.setdefault(contestant.name, []).append(round(rate, 1))
                print(f"{repeat + 1}: {contestant.name:32} {rate:8.0f}/s", file=sys.stderr)
    medians = {name: statistics.median(rates) for name, rates in figures.items()}
    ratios = _ratios(medians)
    lines = [
        f"{n:32} {r:8.0f}/s   of {', '.join(f'{e:.0f}' for e in figures[n])}" for n, r in medians.items()
    ]
    lines += [f"{name:48} {ratio:6.1f}x" for name, ratio in ratios.items()]
    return tell(given.json, {"rates": figures, "medians": medians, "ratios": ratios}, lines)


def _ratios(medians: dict[str, float]) -> dict[str, float]:
    pairs = {
        f"{work}: {ours} to RQ {worker}": (f"ours, {ours}, {work}", f"RQ {worker}, {work}")
        for work in ("nothing", "insert")
        for ours in ("PostgreSQL", "SQLite")
        for worker in ("SimpleWorker", "forking Worker")
    }
    for work in ("nothing", "insert"):
        for how in ("", ", grouped"):
            mine = f"ours, PostgreSQL, {work}{how}"
            pairs[f"{work}{how}: PostgreSQL to PgQueuer"] = (mine, f"PgQueuer, {work}")
            pairs[f"{work}{how}: PostgreSQL to the bare loop"] = (mine, "bare loop, PostgreSQL, nothing")
    both = {name: pair for name, pair in pairs.items() if set(pair) <= set(medians)}
    return {name: round(medians[mine] / medians[theirs], 2) for name, (mine, theirs) in both.items()}
