"""A hundred new customers numbered in one lane by four worker processes: no gap, no duplicate, no overlap."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from counterfoil import lanes
from counterfoil.claim import claim
from counterfoil.clock import STAMP
from counterfoil.database import make_engine
from counterfoil.declaration import Declaration
from counterfoil.lease import take_lease
from counterfoil.registry import Registry
from counterfoil.running import Runner
from counterfoil.running_ticket import Silent
from counterfoil.transactions import HostTransactions
from tests.counterfoil.core import know
from tests.race.load import APART

NUMBERER = Declaration(name="T.number", sort="target", callables=(), lane="customer-number")
PATIENCE_SECONDS = 250


def number(url: str, go: Any, told: Any) -> None:
    """One worker process: drains until every customer has a number."""
    engine = make_engine(url)
    current: list[Session] = []

    @contextmanager
    def scope() -> Iterator[Session]:
        with Session(engine) as session:
            current[:] = [session]
            yield session

    def assign(ticket: Any) -> str:
        # Read, think, write: without the lane two of these would meet.
        session, now = current[0], STAMP[engine.dialect.name]
        began = session.execute(text(f"SELECT CAST({now} AS TEXT)")).scalar_one()
        taken = session.execute(text("SELECT coalesce(max(number), 0) FROM customer")).scalar_one()
        time.sleep(0.002)
        session.execute(
            text(
                f"UPDATE customer SET number = :n, began = :began, ended = CAST({now} AS TEXT) WHERE id = :id"
            ),
            {"n": taken + 1, "began": began, "id": int(ticket.root_id.partition("!")[2])},
        )
        return f"number {taken + 1}"

    registry = Registry()
    registry.add(Declaration(name="T.number", sort="target", callables=(assign,), lane=NUMBERER.lane))
    runner = Runner(HostTransactions(engine, scope), registry, Silent())
    with engine.begin() as connection:
        lease = take_lease(connection, "default", "customers", 60)
    assert lease is not None
    go.wait(PATIENCE_SECONDS)
    ran, until = 0, time.monotonic() + PATIENCE_SECONDS
    left = text("SELECT count(*) FROM counterfoil_tickets WHERE state IN ('pending', 'running')")
    with engine.connect() as connection:
        while time.monotonic() < until:
            claimed = claim(connection, lease)
            while claimed is not None:
                following = runner.run(claimed, lambda: lease).next
                ran += 1
                claimed = following or claim(connection, lease)
            lanes.repair(connection)
            connection.commit()
            if connection.execute(left).scalar_one() == 0:
                break
            connection.rollback()
            time.sleep(0.002)
    told.put(ran)


@pytest.mark.timeout(600)
def test_four_workers_number_a_hundred_customers_one_after_the_other(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE customer (id BIGINT PRIMARY KEY, number BIGINT, began TEXT, ended TEXT)")
        )
        connection.execute(text("INSERT INTO customer (id) VALUES (:id)"), [{"id": n} for n in range(100)])
    know(engine, NUMBERER)
    with engine.begin() as connection:
        for n in range(100):
            connection.execute(
                text("INSERT INTO counterfoil_tickets (view_model, root_id) VALUES ('T.number', :root)"),
                {"root": f"Customer!{n}"},
            )
    go, told = APART.Barrier(4), APART.Queue()
    workers = [APART.Process(target=number, args=(database_url, go, told)) for _ in range(4)]
    for process in workers:
        process.start()
    try:
        ran = [told.get(timeout=PATIENCE_SECONDS) for _ in workers]
        for process in workers:
            process.join(60)
    finally:
        for process in workers:
            process.kill()
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT number, began, ended FROM customer ORDER BY number")
        ).fetchall()
        attempts = connection.execute(
            text("SELECT count(*) FROM counterfoil_tickets WHERE state = 'done' AND attempts = 1")
        ).scalar_one()
    engine.dispose()
    assert sum(ran) == 100
    assert sum(count > 0 for count in ran) > 1, "one worker did it all: that was no race"
    assert [row.number for row in rows] == list(range(1, 101))
    assert all(one.ended <= two.began for one, two in pairwise(rows))
    assert attempts == 100
