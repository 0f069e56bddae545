"""The one door: every verb of the table from every state, on both dialects."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil import door
from counterfoil.acts import Actor, Refused, act
from counterfoil.columns import EVIDENCE
from counterfoil.moves import MOVES, SINGLE_ACTS, operator_verbs
from counterfoil.ticket import FINAL, STATES
from tests.counterfoil.core import Bench

ADA = Actor("ada", "console")
FENCE = "f" * 32
VALUES = {
    "fence": FENCE,
    "drain": "d" * 32,
    "seconds": 30.0,
    "reason": "why",
    "error": "E: text",
    "error_kind": "run",
    "fingerprint": "0" * 32,
    "at": datetime(2030, 1, 1, tzinfo=UTC),
    "priority": 3,
    "queue": "other",
    "until": EVIDENCE,
    "actor": "ada",
    "aside": None,
    "hold": 0,
    "params": {"count": 7},
}
BY_DOOR = [verb for verb, move in MOVES.items() if move.leaves and verb not in ("undo", "purge")]


@pytest.fixture
def bench(engine: Engine) -> Bench:
    made = Bench(engine)
    made.work("T.work")
    return made


def in_state(bench: Bench, state: str) -> int:
    """A ticket in a state, as its life would have left it."""
    ticket = bench.open("T.work")
    bench.execute(
        "UPDATE counterfoil_tickets SET state = CAST(:state AS text), fence = CAST(:fence AS text), "
        "turn = (CAST(:state AS text) = 'pending'), attempts = 1, claims = 1, started_at = opened_at, "
        "done = CASE WHEN CAST(:final AS int) = 1 THEN opened_at END, "
        "delete_time = CASE WHEN CAST(:final AS int) = 1 THEN opened_at END WHERE id = :id",
        id=ticket,
        state=state,
        fence=FENCE if state == "running" else None,
        final=int(state in FINAL),
    )
    return ticket


@pytest.mark.parametrize("verb", BY_DOOR)
def test_a_verb_moves_from_the_states_of_the_table_and_from_no_other(bench: Bench, verb: str) -> None:
    move = MOVES[verb]
    for state in STATES:
        ticket = in_state(bench, state)
        before = bench.row(ticket)
        with bench.engine.begin() as connection:
            row = door.move(connection, verb, ticket, **VALUES)
        after = bench.row(ticket)
        legal = state in move.leaves and not (verb == "error" and state == "pending")
        if verb == "claim" and state == "pending":
            legal = True
        assert (row is not None) == legal, f"{verb} from {state}"
        if not legal:
            assert after == before
            continue
        assert after.state in move.reaches, f"{verb} from {state} reached {after.state}"
        assert after.moves == before.moves + int(move.moved)
        if after.state == "running" and verb != "note":
            assert after.fence not in (None, before.fence)
        if state == "running" and verb not in ("finish", "note"):
            assert after.fence is None
        if after.state in FINAL:
            assert after.done is not None
            assert after.delete_time is not None
        else:
            assert after.done is None
            assert after.delete_time is None


@pytest.mark.parametrize("verb", [v for v in BY_DOOR if MOVES[v].fence == "named"])
def test_a_worker_with_a_past_fence_or_none_moves_nothing(bench: Bench, verb: str) -> None:
    ticket = in_state(bench, "running")
    before = bench.row(ticket)
    for fence in ("0" * 32, None):
        with bench.engine.begin() as connection:
            assert door.move(connection, verb, ticket, **VALUES | {"fence": fence}) is None
    assert bench.row(ticket) == before


@pytest.mark.parametrize("verb", SINGLE_ACTS)
def test_an_act_writes_its_trail_in_the_transaction_of_the_change(bench: Bench, verb: str) -> None:
    state = MOVES[verb].leaves[0]
    ticket = in_state(bench, state)
    arguments = {name: VALUES[name] for name in MOVES[verb].arguments if name in VALUES}
    with bench.engine.connect() as connection:
        act(connection, verb, ticket, ADA, reason="because", **arguments)
        connection.rollback()
    assert bench.all("SELECT id FROM counterfoil_trail") == []
    with bench.engine.begin() as connection:
        acted = act(connection, verb, ticket, ADA, reason="because", **arguments)
    (entry,) = bench.all("SELECT * FROM counterfoil_trail")
    assert (entry.actor, entry.via, entry.verb, entry.reason) == ("ada", "console", verb, "because")
    assert (entry.id, entry.ticket_id) == (acted.trail_id, ticket)


def test_an_act_in_the_wrong_state_is_refused_with_a_reason_and_leaves_no_trail(bench: Bench) -> None:
    for state in STATES:
        ticket = in_state(bench, state)
        for verb in SINGLE_ACTS:
            if verb in operator_verbs(state):
                continue
            arguments = {name: VALUES[name] for name in MOVES[verb].arguments if name in VALUES}
            with bench.engine.begin() as connection, pytest.raises(Refused) as refused:
                act(connection, verb, ticket, ADA, reason="because", **arguments)
            assert refused.value.code == "state"
            assert f"is {state}" in refused.value.reason
    assert bench.all("SELECT id FROM counterfoil_trail") == []


def refused(bench: Bench, verb: str, ticket: int, **given: Any) -> Refused:
    with bench.engine.begin() as connection, pytest.raises(Refused) as caught:
        act(connection, verb, ticket, ADA, **given)
    return caught.value


def test_acts_refuse_nonsense_with_the_cure(bench: Bench) -> None:
    ticket = in_state(bench, "pending")
    assert refused(bench, "retry", 4711).code == "gone"
    assert refused(bench, "fail", ticket).code == "argument"
    assert "needs a reason" in refused(bench, "fail", ticket, reason=" ").reason
    assert "zone" in refused(bench, "reschedule", ticket, at=datetime(2030, 1, 1)).reason  # noqa: DTZ001
    assert "urgent" in refused(bench, "reprioritise", ticket, priority="asap").reason
    assert refused(bench, "purge", ticket).code == "argument"
    assert refused(bench, "hold", ticket, queue="x").code == "argument"
    assert refused(bench, "hold", ticket, expected_moves=17).code == "moved"


def test_retry_gives_a_new_budget_and_keeps_the_last_error(bench: Bench) -> None:
    ticket = in_state(bench, "errored")
    bench.execute("UPDATE counterfoil_tickets SET attempts = 5, error = 'E: last', postponed_count = 3")
    with bench.engine.begin() as connection:
        act(connection, "retry", ticket, ADA)
    row = bench.row(ticket)
    assert (row.state, row.attempts, row.error, row.postponed_count, row.run) == (
        "pending",
        0,
        "E: last",
        0,
        0,
    )
    assert row.turn
    assert row.trouble
    assert bench.drain() == [(ticket, "finish")]
    row = bench.row(ticket)
    assert row.error is None
    days = bench.all(
        "SELECT extract(epoch FROM delete_time - done) / 86400 AS days FROM counterfoil_tickets"
        if bench.engine.dialect.name == "postgresql"
        else "SELECT julianday(delete_time) - julianday(done) AS days FROM counterfoil_tickets"
    )
    assert 29.9 < float(days[0].days) < 30.1


def test_running_a_done_one_again_is_another_run(bench: Bench) -> None:
    ticket = in_state(bench, "done")
    with bench.engine.begin() as connection:
        act(connection, "retry", ticket, ADA)
    assert bench.row(ticket).run == 1


def test_retrying_an_expired_one_is_refused_when_its_token_was_taken_since(bench: Bench) -> None:
    old = bench.open("T.work", idempotence_token="order 7")
    with bench.engine.begin() as connection:
        act(connection, "expire", old, ADA)
    bench.open("T.work", idempotence_token="order 7")
    assert refused(bench, "retry", old).code == "token"


def test_an_operator_wins_over_a_running_ticket_or_waits_a_second_and_is_told(postgresql_url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(postgresql_url)
    bench = Bench(engine)
    bench.work("T.work")
    ticket = in_state(bench, "running")
    with engine.connect() as finishing:
        finishing.execute(
            text("UPDATE counterfoil_tickets SET state = 'done' WHERE id = :id"), {"id": ticket}
        )
        told = refused(bench, "fail", ticket, reason="no")
        assert told.code == "locked"
        finishing.rollback()
    with engine.begin() as connection:
        acted = act(connection, "fail", ticket, ADA, reason="no")
    assert (acted.before_state, acted.state) == ("running", "failed")
    engine.dispose()


def test_the_trail_is_append_only(bench: Bench) -> None:
    from sqlalchemy.exc import DBAPIError

    ticket = in_state(bench, "errored")
    with bench.engine.begin() as connection:
        act(connection, "note", ticket, ADA, reason="seen")
    for sql in ("UPDATE counterfoil_trail SET actor = 'eve'", "DELETE FROM counterfoil_trail"):
        with pytest.raises(DBAPIError, match="append-only"):
            bench.execute(sql)
