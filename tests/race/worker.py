"""A worker without RQ: drains queue after queue; some of its tickets it leaves, and comes back too late."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from counterfoil import door, finish, lanes, policy
from counterfoil.claim import _take, claim
from counterfoil.claimed import Claimed
from counterfoil.clock import STAMP
from counterfoil.database import make_engine
from counterfoil.declaration import Declaration
from counterfoil.gathering import MOST, Groups
from counterfoil.grouped import run_together
from counterfoil.hot import Hot
from counterfoil.lease import DrainLease, end_lease, take_lease
from counterfoil.registry import Registry
from counterfoil.running import Runner
from counterfoil.running_ticket import Silent
from counterfoil.settle import give_back, lapse
from counterfoil.signals import Fail, Postpone
from counterfoil.transactions import HostTransactions

if TYPE_CHECKING:
    from tests.race.load import Load, Signs

LEASE_SECONDS = 600
"""Nobody renews it, and a drain may last as long as the load: only who leaves loses it."""
SURELY_LATE, SURELY_FAILED = 4, 8
"""Which claim of each worker, and which of its works."""

_STAMP_TYPE = {"postgresql": "TIMESTAMPTZ", "sqlite": "TEXT"}


def work(load: "Load", n: int, signs: "Signs") -> None:
    """One process; tells its outcomes and what went wrong. Halts once, for a look at what waits."""
    take_out(load.without)
    policy._current = policy.Policy(backoff_seconds=0.01, backoff_limit_seconds=0.05)
    made = Worker(load, n)
    errors: list[str] = []
    halted = False
    while not signs.stop.is_set():
        if signs.halt.is_set() and not halted:
            halted = True
            signs.barrier.wait()
            signs.barrier.wait()
        try:
            if not made.drain(load.queues[made.turn % len(load.queues)], halted, signs):
                time.sleep(0.01)
        except DBAPIError as error:
            errors.append(f"worker: {error.orig!r}")
        made.turn += 1
    signs.told.put({"outcomes": made.outcomes, "errors": errors})


def take_out(what: str | None) -> None:
    """Take one protection out of this process: the lane's try-lock, or the fence's place in the finish."""
    if what == "lock":
        lanes.try_lock = lambda connection, lane: True
    elif what == "fence":
        whole = finish._finish_statement

        def unfenced(dialect: str) -> Any:
            return door.typed(whole(dialect, False).text.replace(" AND fence = :fence", ""))

        finish._BY_CTID = finish._BY_ID = Hot(unfenced)
    elif what is not None:
        raise ValueError(what)


class Worker:
    """Engine, registry and runner of one process; `outcomes` counts how its tickets ended."""

    def __init__(self, load: "Load", n: int) -> None:
        from tests.race.load import rng

        self.load = load
        self.chance = rng(load, "worker", n)
        self.turn = n
        self.claims = 0
        self.works = 0
        self.outcomes: Counter[str] = Counter()
        self.engine: Engine = make_engine(load.url)
        self.dialect = self.engine.dialect.name
        host = self.engine
        if load.isolation is not None:
            host = self.engine.execution_options(isolation_level=load.isolation)
        self.session: Session | None = None

        @contextmanager
        def scope() -> Iterator[Session]:
            with Session(host) as session:
                self.session = session
                yield session

        registry = Registry()
        for queue in load.queues:
            for name in (f"T.{queue}", f"T.{queue}.free"):
                registry.add(Declaration(name=name, sort="target", callables=(self._work,), max_attempts=4))
            registry.add(
                Declaration(
                    name=f"T.{queue}.many",
                    sort="target",
                    callables=(self._work,),
                    max_attempts=4,
                    commit="group",
                )
            )
        self.groups = Groups(registry)
        self.runner = Runner(HostTransactions(self.engine, scope), registry, Silent(), worker=f"worker {n}")

    def drain(self, queue: str, halted: bool, signs: "Signs") -> int:
        """Claim and run until nothing is due; how many ran."""
        with self.engine.begin() as connection:
            lease = take_lease(connection, queue, "load", LEASE_SECONDS)
        assert lease is not None
        ran = 0
        with self.engine.connect() as connection:
            following = claim(connection, lease)
            while following is not None:
                ran += 1
                over = signs.stop.is_set() or (signs.halt.is_set() and not halted)
                if over:
                    self._run(following, None)
                    break
                self.claims += 1
                # Once for certain: chance may have it that nobody is late in a short load.
                if self.claims == SURELY_LATE or self.chance.random() < self.load.late:
                    lease = self._leave(connection, following, lease)
                    following = claim(connection, lease)
                    continue
                together = self.groups.gather(connection, lease, following, MOST)
                run = self._run(following, lease) if len(together) == 1 else self._run_group(together, lease)
                following = run or claim(connection, lease)
            if following is None:
                ran += lanes.repair(connection)[0]
            connection.commit()
        with self.engine.begin() as connection:
            end_lease(connection, lease.id)
        return ran

    def _run(self, claimed: Claimed, lease: DrainLease | None) -> Claimed | None:
        outcome = self.runner.run(claimed, None if lease is None else lambda: lease)
        self.outcomes[outcome.verb] += 1
        return outcome.next

    def _run_group(self, tickets: list[Claimed], lease: DrainLease) -> Claimed | None:
        ended = run_together(self.runner, tickets, lambda: lease)
        if ended.kept:
            self.outcomes.update({"group": 1, "finish": len(ended.ran)})
        else:
            self.outcomes["group rolled back"] += 1
            for claimed in ended.ran:
                self.outcomes[self.runner.run_again(claimed).verb] += 1
        for claimed in ended.rest:
            with self.engine.begin() as own:
                give_back(own, claimed.id, claimed.fence)
        return ended.next

    def _leave(self, connection: Any, claimed: Claimed, lease: DrainLease) -> DrainLease:
        """Lose the lease in the middle, let another rescue and run the ticket, and finish it all the same."""
        with self.engine.begin() as own:
            end_lease(own, lease.id)
            lapse(own)
            following = take_lease(own, lease.queue, "load", LEASE_SECONDS)
        assert following is not None
        # At its worst the rescued ticket runs again when the late finish comes; a lane is not jumped.
        again = _take(connection, following, claimed.id, 0.0) if claimed.lane is None else None
        time.sleep(self.chance.random() * 0.05)
        self.outcomes[f"late: {self.runner.run(claimed).verb}"] += 1
        if again is not None:
            self._run(again, None)
        return following

    def _work(self, ticket: Any) -> None:
        session, claimed = self.session, ticket._claimed
        assert session is not None
        now = STAMP[session.get_bind().dialect.name]
        started = session.execute(text(f"SELECT CAST({now} AS TEXT)")).scalar_one()
        time.sleep(self.chance.random() * self.load.longest_work)
        session.execute(
            text(
                "INSERT INTO kept (ticket_id, fence, lane, started, ended) "
                f"VALUES (:ticket, :fence, :lane, CAST(:started AS {_STAMP_TYPE[self.dialect]}), {now})"
            ),
            {"ticket": ticket.id, "fence": claimed.fence, "lane": claimed.lane, "started": started},
        )
        self.works += 1
        chance = self.chance.random()
        if self.works == SURELY_FAILED or chance < 0.05:
            raise ValueError("no luck")
        if chance < 0.08:
            raise Postpone(0.02, "not now")
        if chance < 0.09:
            raise Fail("never")
