"""One claimed ticket from its session to its finish, on both dialects."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from counterfoil.database import make_engine
from counterfoil.running import Outcome
from counterfoil.signals import Fail, Postpone
from counterfoil.ticket import Ticket
from tests.counterfoil.core import Bench, in_session


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


def effects(bench: Bench) -> list[Any]:
    return [tuple(row) for row in bench.all("SELECT ticket_id, note FROM effect ORDER BY 1")]


def test_effects_and_done_are_committed_together(bench: Bench) -> None:
    def work(ticket: Any) -> str:
        assert bench.current is not None
        in_session(bench.current, "did it", ticket.id)
        return "the receipt"

    bench.work("T.work", work)
    one, two = bench.open("T.work"), bench.open("T.work")
    assert bench.drain() == [(one, "finish"), (two, "finish")]
    row = bench.row(one)
    assert (row.state, row.attempts, row.claims, row.trouble) == ("done", 1, 1, False)
    assert all([row.fence, row.done, row.delete_time, row.duration_ms is not None])
    assert "the receipt" in str(row.receipt)
    assert effects(bench) == [(one, "did it"), (two, "did it")]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_the_next_claim_rides_in_the_finish_only_under_read_committed(
    postgresql_url: str, isolation: str
) -> None:
    bench = Bench(make_engine(postgresql_url), isolation)
    bench.work("T.work")
    one, two = bench.open("T.work"), bench.open("T.work")
    drain = bench.lease()
    claimed = bench.claim(drain)
    assert claimed is not None
    sent: list[str] = []
    event.listen(bench.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    outcome = bench.run(claimed, drain)
    assert [bench.row(one).state, len([sql for sql in sent if "UPDATE" in sql])] == ["done", 1]
    assert (outcome.next is not None) == (isolation == "READ COMMITTED")
    assert bench.row(two).state == ("running" if outcome.next else "pending")
    if outcome.next:
        assert (outcome.next.id, outcome.next.fence) == (two, bench.row(two).fence)
    bench.engine.dispose()


def test_a_finish_without_its_fence_claims_nothing(bench: Bench) -> None:
    bench.work("T.work")
    ticket, other = bench.open("T.work"), bench.open("T.work")
    drain = bench.lease()
    claimed = bench.claim(drain)
    assert claimed is not None
    assert bench.run(claimed._replace(fence="of another"), drain) == Outcome("lost")
    assert (bench.row(ticket).state, bench.row(other).state) == ("running", "pending")


def test_an_error_rolls_back_and_backs_off_until_attempts_are_used_up(bench: Bench) -> None:
    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "half", ticket.id)
        raise ValueError("no luck with 42")

    bench.work("T.work", work, max_attempts=2)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "back off")]
    row = bench.row(ticket)
    assert (row.state, row.error, row.error_kind) == ("pending", "ValueError: no luck with 42", "run")
    assert row.retry_at is not None
    assert bool(row.turn) is True
    bench.execute("UPDATE counterfoil_tickets SET retry_at = opened_at")
    assert bench.drain() == [(ticket, "error")]
    row = bench.row(ticket)
    assert (row.state, row.attempts, bool(row.trouble)) == ("errored", 2, True)
    assert effects(bench) == []
    attempts = bench.all("SELECT outcome, error_kind, traceback_id FROM counterfoil_attempts ORDER BY id")
    assert [(a.outcome, a.error_kind) for a in attempts] == [("back off", "run"), ("error", "run")]
    found = bench.all("SELECT text FROM counterfoil_tracebacks")
    assert "no luck with 42" in found[0].text


def test_a_late_worker_changes_nothing_once_its_fence_was_replaced(bench: Bench) -> None:
    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "late", ticket.id)

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    bench.execute("UPDATE counterfoil_tickets SET state='failed', fence=NULL, done=opened_at")
    assert bench.run(claimed).verb == "lost"
    assert bench.row(ticket).state == "failed"
    assert effects(bench) == []


def test_postpone_gives_the_attempt_back(bench: Bench) -> None:
    def work() -> None:
        raise Postpone(60, "the printer is away")

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "postpone")]
    row = bench.row(ticket)
    assert (row.state, row.attempts, row.claims, row.postponed_count) == ("pending", 0, 1, 1)
    assert row.postponed_reason == "the printer is away"
    assert not row.trouble
    assert bench.all("SELECT outcome, worker FROM counterfoil_attempts") == [("postpone", "bench")]


def test_the_work_can_give_up_for_good(bench: Bench) -> None:
    def work() -> None:
        raise Fail("the customer is no more")

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "fail")]
    row = bench.row(ticket)
    assert (row.state, row.error) == ("failed", "the customer is no more")


def test_an_unknown_view_model_is_given_back_aside(bench: Bench) -> None:
    bench.work("T.work")
    ticket = bench.open("T.work")
    bench.registry.view_models.clear()
    assert bench.drain() == [(ticket, "give back")]
    row = bench.row(ticket)
    assert (row.state, row.aside, row.attempts, bool(row.turn)) == ("pending", "unknown", 0, False)


def test_params_that_do_not_fit_are_an_error_that_names_them(bench: Bench) -> None:
    def work(*, number: int) -> None:
        raise AssertionError("must not run")

    bench.work("T.work", work)
    ticket = bench.open("T.work", params='{"nummer": 1}')
    assert bench.drain() == [(ticket, "error")]
    row = bench.row(ticket)
    assert row.error_kind == "resolve"
    assert "number" in row.error


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError])
def test_whatever_the_work_raises_is_a_failed_attempt(bench: Bench, error: type[BaseException]) -> None:
    def work() -> None:
        raise error()

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "back off")]
    assert error.__name__ in bench.row(ticket).error


@pytest.mark.parametrize("how", ["commit", "close", "other connection", "swallowed"])
def test_work_that_commits_or_closes_is_refused_at_its_line(bench: Bench, how: str) -> None:
    def work(ticket: Any) -> None:
        session = bench.current
        assert session is not None
        in_session(session, "mine", ticket.id)
        if how == "commit":
            session.commit()
        elif how == "close":
            session.close()
        elif how == "swallowed":
            try:
                session.commit()
            except RuntimeError:
                return
        else:
            session.rollback()
            with bench.engine.begin() as connection:
                connection.execute(text("INSERT INTO effect VALUES (1, 'other')"))

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "back off")]
    row = bench.row(ticket)
    assert "WorkMustNotCommit" in row.error
    assert "test_running.py:" in row.error
    assert effects(bench) == []


def test_work_that_swaps_its_session_is_refused(bench: Bench) -> None:
    def work() -> None:
        from sqlalchemy.orm import Session

        bench.current = Session(bench.engine)

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "back off")]
    assert "swapped" in bench.row(ticket).error


def test_work_that_declares_it_may_commit(bench: Bench) -> None:
    def work(ticket: Any) -> None:
        assert bench.current is not None
        in_session(bench.current, "mine", ticket.id)
        bench.current.commit()

    bench.work("T.work", work, transactional=False)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "finish")]
    assert effects(bench) == [(ticket, "mine")]


def test_a_ticket_past_its_deadline_expires_before_user_code(bench: Bench) -> None:
    def work() -> None:
        raise AssertionError("must not run")

    bench.work("T.work", work)
    ticket = bench.open("T.work", expires_at="2001-01-01 00:00:00.000000+00" if _postgresql(bench) else
                        "2001-01-01 00:00:00.000000")  # fmt: skip
    assert bench.drain() == [(ticket, "expire")]
    assert bench.row(ticket).state == "expired"


def _postgresql(bench: Bench) -> bool:
    return bench.engine.dialect.name == "postgresql"


def test_order_is_priority_then_due_time_then_id(bench: Bench) -> None:
    bench.work("T.work")
    low, first, second, urgent = (bench.open("T.work", priority=p) for p in (7, 5, 5, 1))
    assert [ran[0] for ran in bench.drain()] == [urgent, first, second, low]


def test_an_exception_may_say_when_to_try_again(bench: Bench) -> None:
    class Busy(Exception):
        retry_after = 120

    def work() -> None:
        raise Busy("429 Too Many Requests")

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "back off")]
    with bench.engine.connect() as connection:
        at, moved = connection.execute(select(Ticket.retry_at, Ticket.moved_at)).one()
    assert 119 < (at - moved).total_seconds() < 121


def test_work_may_ask_how_long_it_still_has(bench: Bench) -> None:
    seen: list[float] = []
    bench.work("T.work", lambda ticket: seen.append(ticket.seconds_left), timeout_seconds=1000)
    bench.open("T.work")
    bench.drain()
    assert 500 < seen[0] <= 1000


def test_a_log_that_fails_never_fails_the_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def broken(*given: Any) -> None:
        raise OSError("the pipe is gone")

    def work(ticket: Any) -> str:
        ticket.log(Mute())
        monkeypatch.setattr(bench.runner.witness, "log", broken)
        monkeypatch.setattr(bench.runner.witness, "progress", broken)
        ticket.log("a line")
        ticket.progress(1, 2)
        return "done all the same"

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "finish")]
