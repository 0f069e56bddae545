"""What means "not now" and is no error: deadlocks, serialisation failures, a busy database, `postpone_on`."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from counterfoil.clock import ago
from counterfoil.database import make_engine
from tests.counterfoil.core import Bench, in_session


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Engine]:
    made = make_engine(postgresql_url)
    yield made
    made.dispose()


def accounts(bench: Bench) -> None:
    bench.execute("CREATE TABLE account (id INT PRIMARY KEY, amount INT)")
    bench.execute("INSERT INTO account VALUES (1, 0), (2, 0)")


def book(connection: Any, account: int) -> None:
    connection.execute(text("UPDATE account SET amount = amount + 1 WHERE id = :id"), {"id": account})


def postponed(bench: Bench, ticket: int, reason: str) -> None:
    """It waits, without an error, its attempt given back, and its effects are gone."""
    row = bench.row(ticket)
    assert (row.state, row.attempts, row.error, row.trouble) == ("pending", 0, None, False)
    assert reason in row.postponed_reason
    assert bench.all("SELECT * FROM effect") == []


def test_a_deadlock_is_postponed_and_run_again_at_once(postgresql: Engine) -> None:
    bench = Bench(postgresql)
    accounts(bench)
    runs: list[int] = []
    other_one: list[int] = []

    def come_for_the_first() -> None:
        with postgresql.begin() as other:
            other.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # the one who gives way is the work
            other_one.append(other.execute(text("SELECT pg_backend_pid()")).scalar_one())
            book(other, 2)
            book(other, 1)

    def until_it_waits() -> None:
        stands = text("SELECT cardinality(pg_blocking_pids(:pid))")
        with postgresql.connect() as looking:
            while crossing.is_alive():
                if other_one and looking.execute(stands, {"pid": other_one[0]}).scalar():
                    return
                looking.rollback()
                crossing.join(0.01)

    crossing = threading.Thread(target=come_for_the_first)
    watching = threading.Thread(target=until_it_waits)

    def work(ticket: Any) -> None:
        assert bench.current is not None
        runs.append(ticket.attempt)
        in_session(bench.current, "booked", ticket.id)
        bench.current.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
        book(bench.current, 1)
        if len(runs) == 1:
            crossing.start()
            watching.start()
            watching.join(60)
        book(bench.current, 2)  # the first time the other one holds it, and has come for account 1

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    assert bench.run(claimed).verb == "postpone"
    crossing.join(60)
    postponed(bench, ticket, "40P01")
    assert bench.drain() == [(ticket, "finish")]
    assert runs == [1, 1]
    assert [row.amount for row in bench.all("SELECT amount FROM account ORDER BY id")] == [2, 2]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_serialisation_failure_is_postponed_and_a_lost_fence_is_told_apart(
    postgresql: Engine, isolation: str
) -> None:
    bench = Bench(postgresql, isolation)
    accounts(bench)

    def another(sql: str, **binds: Any) -> None:
        # In a thread of its own: the guard takes a commit in this one for the work's.
        writing = threading.Thread(target=lambda: bench.execute(sql, **binds))
        writing.start()
        writing.join(30)

    meanwhile: list[Any] = [lambda ticket: another("UPDATE account SET amount = 7 WHERE id = 1")]

    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "booked", ticket.id)  # its snapshot is taken
        if meanwhile:
            meanwhile.pop()(ticket)
        book(bench.current, 1)

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    verb = bench.run(claimed).verb
    assert (verb, bench.row(ticket).error) == ("postpone", None)
    postponed(bench, ticket, "40001")
    assert bench.drain() == [(ticket, "finish")]

    def take_the_fence(ticket: Any) -> None:
        failed = "UPDATE counterfoil_tickets SET state='failed', fence=NULL, done=opened_at WHERE id = :id"
        another(failed, id=ticket.id)

    meanwhile.append(take_the_fence)
    lost = bench.open("T.work")
    assert bench.drain() == [(lost, "lost")]
    assert (bench.row(lost).state, bench.row(lost).postponed_count) == ("failed", 0)


def test_a_sqlite_that_is_locked_is_postponed(sqlite_url: str) -> None:
    bench = Bench(make_engine(sqlite_url))
    bench.engine.dispose()
    writing: list[Connection] = []

    def work(ticket: Any) -> None:
        assert bench.current is not None
        if not writing:
            writing.append(bench.engine.connect())
            writing[0].execute(text("INSERT INTO effect VALUES (0, 'another writer')"))
            bench.current.connection().connection.driver_connection.execute("PRAGMA busy_timeout = 20")
            try:
                in_session(bench.current, "too late", ticket.id)
            finally:
                writing[0].rollback()

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    assert bench.run(claimed).verb == "postpone"
    writing[0].close()
    postponed(bench, ticket, "busy")
    assert bench.drain() == [(ticket, "finish")]
    bench.engine.dispose()


class ServiceAway(Exception):
    """An unreachable service."""


class LineBusy(ServiceAway):
    """One kind of it."""


def test_an_exception_that_the_view_model_lists_is_postponed_and_another_is_an_error(bench: Bench) -> None:
    raised: list[Exception] = [ValueError("wrong"), LineBusy("the line is busy")]

    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "called", ticket.id)
        raise raised.pop()

    bench.work("T.work", work, postpone_on=(ServiceAway,))
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "postpone")]
    postponed(bench, ticket, "LineBusy: the line is busy")
    assert bench.all("SELECT outcome, error FROM counterfoil_attempts")[0].outcome == "postpone"
    bench.execute("UPDATE counterfoil_tickets SET retry_at = NULL")
    assert bench.drain() == [(ticket, "back off")]
    assert (bench.row(ticket).attempts, bench.row(ticket).error) == (1, "ValueError: wrong")


def test_what_is_postponed_for_more_than_a_day_is_an_error_that_says_why(bench: Bench) -> None:
    def work() -> None:
        raise ServiceAway("still away")

    bench.work("T.work", work, postpone_on=(ServiceAway,))
    ticket = bench.open("T.work")
    long_ago = ago(bench.engine.dialect.name, timedelta(hours=25).total_seconds())
    bench.execute(f"UPDATE counterfoil_tickets SET postponed_count = 9, first_postponed_at = {long_ago}")
    assert bench.drain() == [(ticket, "error")]
    assert "postponed for more than 24 h; last reason: ServiceAway: still away" in bench.row(ticket).error
