"""What is promised, each in its plainest form; crash/ and race/ hold the same under kills and load.

Promise 6 (a page within its mark on ten million tickets) is not here: it is measured by bench/.
"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from counterfoil import Ticket
from counterfoil.acts import Actor, act
from counterfoil.settle import lapse
from tests.counterfoil.core import Bench, in_session

ADA = Actor("ada", "console")


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


def tickets(bench: Bench) -> list[Any]:
    return bench.all("SELECT * FROM counterfoil_tickets ORDER BY id")


def test_1_a_ticket_exists_if_and_only_if_its_transaction_commits(bench: Bench) -> None:
    bench.work("T.work")
    for ending, expected in ((Session.rollback, 0), (Session.commit, 1)):
        with Session(bench.engine) as session:
            in_session(session, "the application's own row", 1)
            session.add(Ticket(view_model="T.work"))
            session.flush()
            ending(session)
        assert len(tickets(bench)) == expected
        assert len(bench.all("SELECT note FROM effect")) == expected


def test_2_inside_exactly_once_outside_at_least_once_under_one_key(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"

    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "inside", ticket.id)
        with outside.open("a") as sent:
            sent.write(f"{ticket.idempotency_key}\n")
        if ticket.attempt < 3:
            raise ConnectionError("the reply was lost")

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    for _ in range(3):
        bench.execute("UPDATE counterfoil_tickets SET retry_at = NULL")
        bench.drain()
    assert bench.row(ticket).state == "done"
    assert len(bench.all("SELECT note FROM effect")) == 1
    keys = outside.read_text().split()
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_3_a_worker_that_lost_its_fence_changes_nothing(bench: Bench) -> None:
    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "late", ticket.id)

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    late = bench.claim(bench.lease())
    assert late is not None
    bench.execute("UPDATE counterfoil_drains SET until = started_at")
    with bench.engine.begin() as connection:
        assert lapse(connection) == [ticket]
    bench.execute("UPDATE counterfoil_tickets SET retry_at = NULL")
    second = bench.claim(bench.lease())
    assert second is not None
    before = bench.row(ticket)
    assert bench.run(late).verb == "lost"
    assert bench.row(ticket) == before
    assert bench.all("SELECT note FROM effect") == []
    assert bench.run(second).verb == "finish"
    assert len(bench.all("SELECT note FROM effect")) == 1


def test_4_without_redis_worker_or_scheduler_a_ticket_waits_and_is_found(bench: Bench) -> None:
    bench.work("T.work")
    with Session(bench.engine) as session:
        session.add(Ticket(view_model="T.work"))
        session.commit()
    (ticket,) = tickets(bench)
    assert (ticket.state, bool(ticket.turn)) == ("pending", True)
    assert bench.drain() == [(ticket.id, "finish")]


def test_5_nothing_an_operator_does_is_silent(bench: Bench) -> None:
    bench.work("T.work")
    ticket = bench.open("T.work")
    with bench.engine.begin() as connection:
        act(connection, "fail", ticket, ADA, reason="the customer is gone")
    (entry,) = bench.all("SELECT actor, via, verb, reason, before, after FROM counterfoil_trail")
    assert tuple(entry)[:4] == ("ada", "console", "fail", "the customer is gone")
    assert "pending" in str(entry.before)
    assert "failed" in str(entry.after)


@pytest.mark.parametrize(
    "name",
    ["os.system", "subprocess:run", "__import__", "Customer.__class__", "builtins.eval", "../../bin/sh", ""],
)
def test_7_only_registered_names_run_whoever_writes_the_row(
    bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    asked: list[str] = []
    monkeypatch.setattr(importlib, "import_module", lambda name, *rest: asked.append(name))
    with bench.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO counterfoil_tickets (view_model, queue, priority, max_attempts, turn) "
                "VALUES (:name, 'default', 5, 5, true)"
            ),
            {"name": name},
        )
    assert [verb for _, verb in bench.drain()] == ["give back"]
    (ticket,) = tickets(bench)
    assert (ticket.state, ticket.aside) == ("pending", "unknown")
    assert asked == []
