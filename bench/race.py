"""The race of `bench/throughput`: contestants one after the other, interleaved, medians and ratios."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from rq import Queue
from sqlalchemy import text
from sqlalchemy.pool import NullPool

from counterfoil.bell import ring
from counterfoil.database import make_engine

from .rig import Rig, processes, rig

LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Contestant:
    """One way to run jobs: `fill` puts n of them, `left` counts what is to do, `commands` start 2 workers."""

    name: str
    fill: Callable[[Rig, int], None]
    left: Callable[[Rig], int]
    commands: list[list[str]]
    database: Callable[[Rig], str]
    jobs: int


def _open(work: str, database: Callable[[Rig], str]) -> Callable[[Rig, int], None]:
    def fill(where: Rig, n: int) -> None:
        engine = make_engine(database(where), poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM counterfoil_tickets"))
            known = (
                "INSERT INTO counterfoil_view_models (name, sort, queue) VALUES (:work, 'target', 'bench') "
                "ON CONFLICT DO NOTHING"
            )
            connection.execute(text(known), {"work": work})
            one = text("INSERT INTO counterfoil_tickets (view_model, opened_via) VALUES (:work, 'bench')")
            for start in range(0, n, 1000):
                connection.execute(one, [{"work": work}] * min(1000, n - start))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(
                "VACUUM ANALYZE counterfoil_tickets" if "postgres" in engine.url.drivername else "ANALYZE"
            )
        engine.dispose()

    return fill


def _pending(database: Callable[[Rig], str]) -> Callable[[Rig], int]:
    def left(where: Rig) -> int:
        engine = make_engine(database(where), poolclass=NullPool)
        with engine.connect() as connection:
            return int(
                connection.execute(
                    text("SELECT count(*) FROM counterfoil_tickets WHERE state IN ('pending', 'running')")
                ).scalar_one()
            )

    return left


def _enqueue(function: str) -> Callable[[Rig, int], None]:
    def fill(where: Rig, n: int) -> None:
        redis = Redis.from_url(where.redis_url)
        redis.flushdb()
        queue = Queue("bench", connection=redis)
        for start in range(0, n, 500):
            queue.enqueue_many(
                [
                    Queue.prepare_data(f"bench.application.{function}", result_ttl=0)
                    for _ in range(min(500, n - start))
                ]
            )

    return fill


def _queued(where: Rig) -> int:
    redis = Redis.from_url(where.redis_url)
    return int(redis.llen("rq:queue:bench")) + int(redis.zcard("rq:wip:bench"))


def contestants(jobs: int) -> list[Contestant]:
    """Ours on both databases, RQ's two workers; RQ runs fewer jobs, it takes long enough."""
    found = []
    ours = [["-m", "counterfoil.cli", "worker", "--queue", "bench"]] * 2

    def postgresql(where: Rig) -> str:
        return where.database_url

    def sqlite(where: Rig) -> str:
        return f"sqlite:///{where.folder / 'ours'}.sqlite3"

    for work, peer in (("nothing", "peer_nothing"), ("insert", "peer_insert")):
        for name, url in (("PostgreSQL", postgresql), ("SQLite", sqlite)):
            fill = _open(f"Bench.{work}", url)
            found.append(Contestant(f"ours, {name}, {work}", fill, _pending(url), ours, url, jobs))
        for name, cls, share in (("SimpleWorker", "rq.SimpleWorker", 4), ("forking Worker", "rq.Worker", 40)):
            command = ["-c", "from rq.cli import main; main()", "worker", "--burst", "-w", cls, "bench"]
            found.append(
                Contestant(
                    f"RQ {name}, {work}", _enqueue(peer), _queued, [command] * 2, postgresql, jobs // share
                )
            )
    return found


def run(where: Rig, contestant: Contestant) -> float:
    """Jobs a second, from the first that is gone to the last."""
    contestant.fill(where, contestant.jobs)
    environment = where.environment(contestant.database(where))
    if contestant.name.startswith("RQ"):
        environment["RQ_REDIS_URL"] = where.redis_url
    with processes(contestant.commands, environment, where.folder / "workers.log"):
        started, first, at_first = time.monotonic(), 0.0, 0
        while True:
            left = contestant.left(where)
            now = time.monotonic()
            if left and not contestant.name.startswith("RQ"):
                # The bell that a commit would have rung: the tickets are older than the workers.
                ring(Redis.from_url(where.redis_url), {"bench": 0})
            if left < contestant.jobs and not first:
                first, at_first = now, left
            if left == 0:
                return at_first / max(now - first, 1e-9)
            if now - started > LIMIT_SECONDS:
                tail = (where.folder / "workers.log").read_text()[-2000:]
                raise SystemExit(f"{contestant.name}: {left} jobs left after {LIMIT_SECONDS:g} s\n{tail}")
            time.sleep(0.02)


def main() -> int:
    """Run the race and print medians and ratios."""
    parser = argparse.ArgumentParser(description="tickets a second beside RQ, in one run")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tickets", type=int, default=4000)
    given = parser.parse_args()
    figures: dict[str, list[float]] = {}
    with rig() as where:
        engine = make_engine(where.sqlite_url("ours"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE effect (id INTEGER PRIMARY KEY, note TEXT)"))
        engine.dispose()
        for repeat in range(given.repeats):
            for contestant in contestants(given.tickets):
                rate = run(where, contestant)
                figures.setdefault(contestant.name, []).append(rate)
                print(f"{repeat + 1}: {contestant.name:32} {rate:8.0f}/s", file=sys.stderr)
    medians = {name: statistics.median(rates) for name, rates in figures.items()}
    ratios = _ratios(medians)
    if given.json:
        print(json.dumps({"rates": figures, "medians": medians, "ratios": ratios}, indent=2))
        return 0
    for name, rate in medians.items():
        print(f"{name:32} {rate:8.0f}/s   of {', '.join(f'{r:.0f}' for r in figures[name])}")
    for name, ratio in ratios.items():
        print(f"{name:48} {ratio:6.1f}x")
    return 0


def _ratios(medians: dict[str, float]) -> dict[str, float]:
    return {
        f"{work}: {ours} to RQ {worker}": medians[f"ours, {ours}, {work}"] / medians[f"RQ {worker}, {work}"]
        for work in ("nothing", "insert")
        for ours in ("PostgreSQL", "SQLite")
        for worker in ("SimpleWorker", "forking Worker")
    }
