"""Undo of a single act: back to what it left, as long as the ticket has not moved since."""

from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil.acts import Acted, Actor, Refused, act
from counterfoil.columns import EVIDENCE
from counterfoil.undo import last_undoable, undo
from tests.counterfoil.core import Bench

ADA, BOB = Actor("ada", "console"), Actor("bob", "console")


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("T.work")
    return made


def acted(bench: Bench, verb: str, ticket: int, **given: Any) -> Acted:
    with bench.engine.begin() as connection:
        return act(connection, verb, ticket, ADA, **given)


def undone(bench: Bench, trail_id: int) -> Acted:
    with bench.engine.begin() as connection:
        return undo(connection, trail_id, BOB, reason="a slip")


def facts(bench: Bench, ticket: int) -> dict[str, Any]:
    row = bench.row(ticket)._asdict()
    return {n: v for n, v in row.items() if n not in ("moves", "moved_at", "fence", "drain_id", "kill_at")}


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("expire", {}),
        ("fail", {"reason": "no"}),
        ("hold", {}),
        ("run-now", {}),
        ("reprioritise", {"priority": "urgent"}),
        ("move", {"queue": "other"}),
        ("extend", {"expires_at": EVIDENCE}),
        ("reschedule", {"at": EVIDENCE}),
    ],
)
def test_an_act_on_a_waiting_ticket_goes_back_to_what_it_left(bench: Bench, verb: str, given: Any) -> None:
    ticket = bench.open("T.work")
    before = facts(bench, ticket)
    done = acted(bench, verb, ticket, **given)
    assert facts(bench, ticket) != before
    back = undone(bench, done.trail_id)
    assert back.state == "pending"
    after = facts(bench, ticket)
    # What happened stays evidence: its receipt is kept as long as any with trouble.
    assert {**after, "trouble": None} == {**before, "trouble": None}
    (_, entry) = bench.all("SELECT * FROM counterfoil_trail ORDER BY id")
    assert (entry.actor, entry.verb, entry.reason) == ("bob", "undo", "a slip")


def test_undo_of_a_retry_puts_the_errored_one_back_with_its_error(bench: Bench) -> None:
    def work() -> None:
        raise ValueError("no")

    bench.work("T.err", work, max_attempts=1)
    ticket = bench.open("T.err")
    bench.drain()
    before = facts(bench, ticket)
    done = acted(bench, "retry", ticket)
    assert bench.row(ticket).state == "pending"
    undone(bench, done.trail_id)
    assert facts(bench, ticket) == before


def test_what_has_moved_since_is_not_undone(bench: Bench) -> None:
    ticket = bench.open("T.work")
    done = acted(bench, "run-now", ticket)
    assert bench.drain() == [(ticket, "finish")]
    with pytest.raises(Refused) as refused:
        undone(bench, done.trail_id)
    assert refused.value.code == "moved"
    assert bench.row(ticket).state == "done"


def test_an_undo_happens_once(bench: Bench) -> None:
    ticket = bench.open("T.work")
    done = acted(bench, "hold", ticket)
    undone(bench, done.trail_id)
    with pytest.raises(Refused):
        undone(bench, done.trail_id)


def test_what_was_running_comes_back_pending_with_its_attempt_charged(bench: Bench) -> None:
    ticket = bench.open("T.work")
    claimed = bench.claim(bench.lease())
    assert claimed is not None
    done = acted(bench, "expire", ticket)
    undone(bench, done.trail_id)
    row = bench.row(ticket)
    assert (row.state, row.attempts, row.fence) == ("pending", 1, None)
    assert bench.run(claimed).verb == "lost"
    assert bench.row(ticket).state == "pending"


def test_undo_of_expire_is_refused_when_the_token_was_taken_since(bench: Bench) -> None:
    ticket = bench.open("T.work", idempotence_token="order 7")
    done = acted(bench, "expire", ticket)
    bench.open("T.work", idempotence_token="order 7")
    with pytest.raises(Refused) as refused:
        undone(bench, done.trail_id)
    assert refused.value.code == "token"


def test_keep_is_undone_by_what_it_set(bench: Bench) -> None:
    ticket = bench.open("T.work")
    bench.drain()
    done = acted(bench, "keep", ticket, until=None)
    undone(bench, done.trail_id)
    assert bench.row(ticket).kept is None


def test_the_last_act_that_may_be_undone_is_found(bench: Bench) -> None:
    ticket = bench.open("T.work")
    first = acted(bench, "hold", ticket)
    acted(bench, "note", ticket, reason="looked at it")
    with bench.engine.connect() as connection:
        assert last_undoable(connection, ticket) == first.trail_id
