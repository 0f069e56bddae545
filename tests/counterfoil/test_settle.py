"""What the scheduler's duties do to tickets: lapse, deadlines, setting aside and back, the purge."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil import aside, purge, settle
from counterfoil.acts import Actor, act
from counterfoil.claim import claim
from counterfoil.errors import Failure
from counterfoil.lease import end_lease, renew_lease, take_lease
from tests.counterfoil.core import Bench

ADA = Actor("ada", "console")
PAST = "opened_at"


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("T.work", max_attempts=2)
    return made


def doing(bench: Bench, duty: Any, *given: Any) -> Any:
    with bench.engine.begin() as connection:
        return duty(connection, *given)


def test_a_ticket_whose_lease_ran_out_lapses_and_is_charged(bench: Bench) -> None:
    ticket = bench.open("T.work")
    lease = bench.lease()
    claimed = bench.claim(lease)
    assert claimed is not None
    assert doing(bench, settle.lapse) == []
    bench.execute("UPDATE counterfoil_drains SET until = started_at")
    bench.execute("UPDATE counterfoil_slots SET until = (SELECT until FROM counterfoil_drains)")
    assert doing(bench, renew_lease, lease.id, 60) is False
    assert doing(bench, settle.lapse) == [ticket]
    row = bench.row(ticket)
    assert (row.state, row.attempts, row.error_kind, row.fence) == ("pending", 1, "lost", None)
    assert row.turn
    assert bench.run(claimed).verb == "lost"
    (attempt,) = bench.all("SELECT * FROM counterfoil_attempts")
    assert (attempt.outcome, attempt.error_kind, attempt.claim) == ("lapse", "lost", 1)


def test_the_last_attempt_that_lapses_is_errored(bench: Bench) -> None:
    ticket = bench.open("T.work")
    for _ in range(2):
        bench.execute("UPDATE counterfoil_tickets SET retry_at = NULL")
        lease = bench.lease()
        assert bench.claim(lease) is not None
        with bench.engine.begin() as connection:
            end_lease(connection, lease.id)
        assert doing(bench, settle.lapse) == [ticket]
    row = bench.row(ticket)
    assert (row.state, row.attempts) == ("errored", 2)
    assert row.done is not None


def test_a_renewed_lease_does_not_lapse(bench: Bench) -> None:
    bench.open("T.work")
    lease = bench.lease()
    bench.claim(lease)
    assert doing(bench, renew_lease, lease.id, 60) is True
    assert doing(bench, settle.lapse) == []


def test_a_lost_one_is_charged_and_a_given_back_one_is_not(bench: Bench) -> None:
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    assert doing(bench, settle.give_back, ticket, claimed.fence) is True
    assert bench.row(ticket).attempts == 0
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    failure = Failure("lost", "worker killed (signal 9)")
    assert doing(bench, settle.fail_attempt, ticket, claimed.fence, failure) == "pending"
    assert bench.row(ticket).attempts == 1
    assert doing(bench, settle.fail_attempt, ticket, claimed.fence, failure) is None


def test_a_deadline_that_is_past_expires_what_waits(bench: Bench) -> None:
    due, held, later, running = (bench.open("T.work") for _ in range(4))
    with bench.engine.begin() as connection:
        act(connection, "hold", held, ADA)
    bench.execute(
        "UPDATE counterfoil_tickets SET expires_at = opened_at WHERE id IN (:a, :b, :c)",
        a=due,
        b=held,
        c=running,
    )
    bench.execute("UPDATE counterfoil_tickets SET state = 'running', fence = 'f' WHERE id = :id", id=running)
    assert sorted(doing(bench, settle.expire_due)) == [due, held]
    assert [bench.row(t).state for t in (due, held, later, running)] == [
        "expired",
        "expired",
        "pending",
        "running",
    ]


def test_a_paused_view_model_is_set_aside_and_comes_back(bench: Bench) -> None:
    waiting = bench.open("T.work")
    bench.execute("UPDATE counterfoil_view_models SET paused = true")
    fresh = bench.open("T.work")
    assert bench.row(fresh).aside == "paused"
    assert doing(bench, aside.set_aside) == 1
    assert bench.row(waiting).aside == "paused"
    assert bench.drain() == []
    assert doing(bench, aside.set_back) == 0
    bench.execute("UPDATE counterfoil_view_models SET paused = false")
    assert doing(bench, aside.set_back) == 2
    assert len(bench.drain()) == 2


def test_an_unknown_one_waits_and_gets_its_lane_when_a_worker_registers_it(bench: Bench) -> None:
    ticket = bench.open("T.later", root_id="Customer!1")
    assert bench.row(ticket).aside == "unknown"
    assert doing(bench, aside.set_back) == 0
    bench.work("T.later", lane="customer:{root_id}", queue="numbers", priority=3)
    later = "2999-01-01 00:00:00.000000"
    at = ":at" if bench.engine.dialect.name == "sqlite" else "CAST(:at AS timestamptz)"
    bench.execute(f"UPDATE counterfoil_view_models SET known_until = {at}", at=later)
    assert doing(bench, aside.set_back) == 1
    row = bench.row(ticket)
    assert (row.queue, row.priority, row.lane, row.aside) == ("numbers", 3, "customer:Customer!1", None)
    assert row.turn


def test_an_unknown_one_is_errored_after_the_grace_without_an_attempt(bench: Bench) -> None:
    ticket = bench.open("T.nobody")
    assert doing(bench, aside.give_up_unknown, 15) == []
    assert doing(bench, aside.give_up_unknown, -1) == [ticket]
    row = bench.row(ticket)
    assert (row.state, row.error_kind, row.attempts) == ("errored", "resolve", 0)
    assert "T.nobody" in row.error


def test_the_purge_takes_what_is_due_and_not_kept_and_leaves_the_trail(bench: Bench) -> None:
    gone, kept, young, pending = (bench.open("T.work") for _ in range(4))
    bench.execute("UPDATE counterfoil_tickets SET queue = 'elsewhere' WHERE id = :id", id=pending)
    assert len(bench.drain()) == 3
    with bench.engine.begin() as connection:
        act(connection, "keep", kept, ADA, until=None)
    bench.execute(
        "INSERT INTO counterfoil_logs (ticket_id, claim, level, message) VALUES (:id, 1, 20, 'x')", id=gone
    )
    bench.execute(
        "UPDATE counterfoil_tickets SET delete_time = opened_at WHERE id <> :id AND done IS NOT NULL",
        id=young,
    )
    assert doing(bench, purge.purge) == 1
    left = [row.id for row in bench.all("SELECT id FROM counterfoil_tickets ORDER BY id")]
    assert left == [kept, young, pending]
    assert bench.all("SELECT id FROM counterfoil_logs") == []
    assert len(bench.all("SELECT id FROM counterfoil_trail")) == 1


def test_a_retry_that_races_the_purge_survives(postgresql_url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(postgresql_url)
    bench = Bench(engine)
    bench.work("T.work")
    ticket = bench.open("T.work")
    bench.drain()
    bench.execute("UPDATE counterfoil_tickets SET delete_time = opened_at")
    with engine.begin() as retrying:
        act(retrying, "retry", ticket, ADA)
        assert doing(bench, purge.purge) == 0
    assert doing(bench, purge.purge) == 0
    assert bench.row(ticket).state == "pending"
    engine.dispose()


def test_a_paused_queue_gives_no_lease_and_a_full_pool_none(bench: Bench) -> None:
    bench.execute("INSERT INTO counterfoil_queues (name, pool_size) VALUES ('small', 2)")
    with bench.engine.begin() as connection:
        assert take_lease(connection, "small", "w", 60) is not None
        assert take_lease(connection, "small", "w", 60) is not None
        assert take_lease(connection, "small", "w", 60) is None
    bench.execute("UPDATE counterfoil_slots SET until = NULL WHERE n = 1")
    bench.execute("UPDATE counterfoil_queues SET paused = true")
    assert doing(bench, take_lease, "small", "w", 60) is None
    bench.execute("UPDATE counterfoil_queues SET paused = false")
    lease = doing(bench, take_lease, "small", "w", 60)
    assert lease.slot == 1
    with bench.engine.connect() as connection:
        assert claim(connection, lease) is None
        assert connection.execute(text("SELECT count(*) FROM counterfoil_drains")).scalar_one() == 3
