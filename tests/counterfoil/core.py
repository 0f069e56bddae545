"""What the core's tests share: a registry of their own, a drain without RQ, a table for effects."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from counterfoil.claim import claim
from counterfoil.claimed import Claimed
from counterfoil.declaration import Declaration
from counterfoil.lease import DrainLease, take_lease
from counterfoil.registry import Registry
from counterfoil.running import Outcome, Runner
from counterfoil.running_ticket import Silent
from counterfoil.transactions import HostTransactions


def know(engine: Engine, declaration: Declaration) -> None:
    """Write a view model to the tables as a worker would at its start."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO counterfoil_view_models (name, sort, queue, priority, lane, max_attempts, "
                "keep_receipt_minutes) VALUES (:name, :sort, :queue, :priority, :lane, :max, :keep)"
            ),
            {
                "name": declaration.name,
                "sort": declaration.sort,
                "queue": declaration.queue,
                "priority": declaration.priority,
                "lane": declaration.lane,
                "max": declaration.max_attempts,
                "keep": declaration.keep_receipt_minutes,
            },
        )


class Bench:
    """An engine with known work, and the parts that run it in this process."""

    def __init__(self, engine: Engine, isolation: str | None = None) -> None:
        self.engine = engine
        self.registry = Registry()
        host = engine if isolation is None else engine.execution_options(isolation_level=isolation)
        self.current: Session | None = None

        @contextmanager
        def scope() -> Iterator[Session]:
            with Session(host) as session:
                self.current = session
                yield session

        self.transactions = HostTransactions(engine, scope, lambda: self.current)
        self.runner = Runner(self.transactions, self.registry, Silent(), worker="bench", pause=lambda s: None)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE effect (ticket_id BIGINT, note TEXT)"))

    def work(self, name: str, call: Any = lambda **params: None, **options: Any) -> Declaration:
        """Register a target and write it to the tables."""
        options = {"sort": "target"} | options
        made = self.registry.add(Declaration(name=name, callables=(call,), **options))
        know(self.engine, made)
        return made

    def open(self, view_model: str, **columns: Any) -> int:
        """A ticket by plain SQL; values that are text in the database as text."""
        return self.open_each(view_model, [columns])[0]

    def open_each(self, view_model: str, rows: Iterable[dict[str, Any]]) -> list[int]:
        """The same for many, one by one in one transaction."""
        opened = []
        with self.engine.begin() as connection:
            for columns in rows:
                given = {"view_model": view_model} | columns
                values = ", ".join(f":{name}" for name in given)
                sql = f"INSERT INTO counterfoil_tickets ({', '.join(given)}) VALUES ({values}) RETURNING id"
                opened.append(int(connection.execute(text(sql), given).scalar_one()))
        return opened

    def lease(self, queue: str = "default", seconds: float = 60) -> DrainLease:
        with self.engine.begin() as connection:
            made = take_lease(connection, queue, "bench", seconds)
        assert made is not None
        return made

    def claim(self, drain: DrainLease) -> Claimed | None:
        with self.engine.connect() as connection:
            return claim(connection, drain)

    def run(self, claimed: Claimed, drain: DrainLease | None = None) -> Outcome:
        return self.runner.run(claimed, None if drain is None else lambda: drain)

    def drain(self, queue: str = "default", limit: int = 1000) -> list[tuple[int, str]]:
        """Claim and run until nothing is due; (ticket, verb) in the order of running."""
        lease, ran = self.lease(queue), []
        claimed = self.claim(lease)
        while claimed is not None and len(ran) < limit:
            outcome = self.run(claimed, lease)
            ran.append((claimed.id, outcome.verb))
            claimed = outcome.next or self.claim(lease)
        return ran

    def row(self, ticket_id: int) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(
                text("SELECT * FROM counterfoil_tickets WHERE id = :id"), {"id": ticket_id}
            ).one()

    def execute(self, sql: str, **binds: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql), binds)

    def all(self, sql: str, **binds: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), binds))


def in_session(session: Session, note: str, ticket_id: int) -> None:
    """An effect of the work, in the session that runs it."""
    session.execute(text("INSERT INTO effect VALUES (:id, :note)"), {"id": ticket_id, "note": note})
