"""The harness must be able to fail: each invariant is broken by hand, and the check has to say so."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests import invariants

TICKET = (
    "INSERT INTO counterfoil_tickets (view_model, queue, priority, max_attempts, keep_receipt_minutes, turn, "
    "state, fence, drain_id, attempts, claims, lane, done, delete_time) "
    "VALUES ('T.work', 'default', 5, 3, 10, "
    "{turn}, '{state}', {fence}, {drain}, {attempts}, {claims}, {lane}, {done}, {done})"
)


def ticket(**more: object) -> str:
    given = {"state": "pending", "turn": "true", "fence": "NULL", "drain": "NULL", "attempts": 0, "claims": 0}
    return TICKET.format(**(given | {"lane": "NULL", "done": "NULL"} | more))


def done(**more: object) -> str:
    return ticket(state="done", turn="false", fence="'f'", attempts=1, claims=1, done=_NOW, **more)


_NOW = "'2026-01-01 00:00:00.000000+00:00'"
RUNS = {"state": "running", "turn": "false", "fence": "'f'", "attempts": 1, "claims": 1}
EFFECT = "INSERT INTO effect (ticket_id, attempt) SELECT id, 1 FROM counterfoil_tickets"
CLAIM = (
    "UPDATE counterfoil_tickets SET state='running', turn=false, fence='{}', claims=claims+1, "
    "attempts=attempts+1"
)

BROKEN = {
    "I1: not settled": [ticket()],
    "I1: final without its time": [ticket(state="failed", turn="false")],
    "I2: effects inside": [done()],
    "I2: effects": [done(), EFFECT, EFFECT],
    "I4: a final state changed": [done(), EFFECT, "UPDATE counterfoil_tickets SET state='failed'"],
    "I4: settled from": [ticket(), f"UPDATE counterfoil_tickets SET state='done', fence='f', done={_NOW}"],
    "I5: more attempts than allowed": [ticket(attempts=4, claims=4)],
    "I5: attempts that were not claims": [ticket(attempts=1, claims=2)],
    "I6: running without a live drain": [ticket(drain="'gone'", **RUNS)],
    "I6: pending without a turn": [ticket(turn="false")],
    "I8: an operator's act": [done(), EFFECT, "UPDATE counterfoil_tickets SET state='pending'"],
    "I10: a fence used twice": [ticket(), ticket(), CLAIM.format("same")],
    "I10: a claim without a new fence": [ticket(fence="'old'"), CLAIM.format("old")],
    "I10: finished work that lost its fence": [
        ticket(**RUNS),
        f"UPDATE counterfoil_tickets SET state='done', fence='other', done={_NOW}",
    ],
    "I11: drains left behind": [
        f"INSERT INTO counterfoil_drains (id, queue, until) VALUES ('d', 'default', {_NOW})"
    ],
    "I11: slots left taken": [
        "INSERT INTO counterfoil_slots (queue, n, drain_id) VALUES ('default', 1, 'd')"
    ],
}


@pytest.fixture
def broken(engine: Engine) -> Engine:
    invariants.install(engine)
    return engine


def test_an_empty_database_violates_nothing(broken: Engine, tmp_path: Path) -> None:
    assert invariants.violations(broken, outside=tmp_path / "outside") == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_violation_is_found(broken: Engine, name: str) -> None:
    with broken.begin() as connection:
        for statement in BROKEN[name]:
            connection.execute(text(statement))
    assert [line for line in invariants.violations(broken) if line.startswith(name)]


def test_effects_outside_are_counted_against_claims_and_keys(broken: Engine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    with broken.begin() as connection:
        connection.execute(text(done()))
        connection.execute(text(EFFECT))
        ticket_id = connection.execute(text("SELECT id FROM counterfoil_tickets")).scalar_one()
    assert [line for line in invariants.violations(broken, outside=outside) if line.startswith("I3")]
    outside.write_text(f"{ticket_id} 1 key\n")
    assert invariants.violations(broken, outside=outside) == []
    outside.write_text(f"{ticket_id} 1 key\n{ticket_id} 2 key\n")
    assert [line for line in invariants.violations(broken, outside=outside) if line.startswith("I3")]
    outside.write_text(f"{ticket_id} 1 other\n")
    assert invariants.violations(broken, outside=outside) == []
