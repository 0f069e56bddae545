"""Undo of an operation: what has not moved since goes back, both numbers are told, all of it in the trail."""

from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from counterfoil import operation_undo, operations
from counterfoil.acts import Actor, Refused
from counterfoil.tables import OperationItem, TrailEntry
from counterfoil.ticket import Ticket
from counterfoil.undo import undo
from tests.console.tickets.cast import known, ticket
from tests.counterfoil.test_operations import ADA, BOB, asked, made, read, started, states, work


@pytest.fixture
def shop(engine: Engine) -> Engine:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
    return engine


def done(shop: Engine, verb: str, query: str, reason: str | None = "bank is up again") -> int:
    id_ = asked(shop, verb, query)
    started(shop, id_, reason)
    work(shop)
    return id_


def undone(shop: Engine, id_: int, by: Actor = BOB) -> Any:
    with shop.begin() as connection:
        back = operations.undo(connection, id_, by, "a slip")
    work(shop)
    return read(shop, back)


def test_what_was_not_started_goes_back_and_both_numbers_are_told(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_undo.freeze, "__defaults__", (2,))
    ids = made(shop, *["errored"] * 5)
    (done_before,) = made(shop, "done")
    id_ = done(shop, "retry", "tab=errored")
    with shop.begin() as connection:  # two of them have been claimed since
        moved = update(Ticket).where(Ticket.id.in_(ids[1:3]))
        connection.execute(moved.values(state="done", moves=Ticket.moves + 2))
    back = undone(shop, id_)
    assert (back.state, back.matched, back.changed, back.skipped, back.failed) == ("done", 5, 3, 2, 0)
    assert states(shop, ids) == ["errored", "done", "done", "errored", "errored"]
    assert states(shop, [done_before]) == ["done"]
    with shop.connect() as connection:
        trail = connection.execute(select(TrailEntry.__table__).order_by(TrailEntry.id)).all()
        why = connection.execute(
            select(OperationItem.reason).where(
                OperationItem.operation_id == back.id, OperationItem.ticket_id == ids[1]
            )
        ).scalar_one()
    assert "moved since" in why
    assert [row.verb for row in trail[6:]] == ["undo operation", "undo", "undo", "undo"]
    assert {(row.actor, row.reason, row.operation_id) for row in trail[6:]} == {("bob", "a slip", back.id)}


def test_a_second_wish_is_the_first_one_while_it_is_open_and_finds_nothing_after_it(shop: Engine) -> None:
    made(shop, *["errored"] * 3)
    id_ = done(shop, "expire", "tab=errored")
    with shop.begin() as connection:
        first = operations.undo(connection, id_, ADA)
        assert operations.undo(connection, id_, BOB) == first
    work(shop)
    assert read(shop, first).changed == 3
    again = undone(shop, id_)
    assert (again.id != first, again.changed, again.skipped) == (True, 0, 3)


def test_one_that_is_under_way_is_stopped_first(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterfoil import operation_steps

    monkeypatch.setattr(operation_steps.step, "__defaults__", (4,))
    ids = made(shop, *["errored"] * 10)
    id_ = asked(shop, "expire", "tab=errored")
    started(shop, id_)
    with shop.begin() as connection:
        operations.work(connection)
    back = undone(shop, id_)
    assert (read(shop, id_).state, read(shop, id_).changed) == ("stopped", 4)
    assert back.changed == 4
    assert states(shop, ids) == ["errored"] * 10


def test_what_changed_nothing_or_is_an_undo_itself_cannot_be_undone(shop: Engine) -> None:
    made(shop, "errored")
    id_ = asked(shop, "retry", "tab=errored")
    with shop.begin() as connection, pytest.raises(Refused, match="changed no ticket"):
        operations.undo(connection, id_, ADA)
    started(shop, id_)
    work(shop)
    back = undone(shop, id_)
    with shop.begin() as connection, pytest.raises(Refused, match="is an undo"):
        operations.undo(connection, back.id, ADA)
    with shop.begin() as connection, pytest.raises(Refused, match="there is no operation 999"):
        operations.undo(connection, 999, ADA)


def test_a_token_and_a_guard_that_were_taken_since_are_refused_and_told(shop: Engine) -> None:
    with shop.begin() as connection:
        token = ticket(connection, "pending", idempotence_token="order 7", root_id="Order!7")
        guard = ticket(connection, "pending", guard_key="Order!8", root_id="Order!8")
        free = ticket(connection, "pending", root_id="Order!9")
    id_ = done(shop, "expire", "tab=pending")
    with shop.begin() as connection:
        ticket(connection, "pending", idempotence_token="order 7")
        ticket(connection, "pending", guard_key="Order!8")
    back = undone(shop, id_)
    assert (back.changed, back.skipped, back.failed) == (1, 0, 2)
    assert states(shop, [token, guard, free]) == ["expired", "expired", "pending"]
    with shop.connect() as connection:
        why = select(OperationItem.reason).where(OperationItem.operation_id == back.id)
        told = list(connection.execute(why.order_by(OperationItem.ticket_id)).scalars())
    assert "idempotence token" in told[0]
    assert "flood guard" in told[1]


def test_a_guard_taken_since_refuses_a_single_undo_too(shop: Engine) -> None:
    from counterfoil.acts import act

    with shop.begin() as connection:
        id_ = ticket(connection, "pending", guard_key="Order!8")
        expired = act(connection, "expire", id_, ADA)
        other = ticket(connection, "pending", guard_key="Order!8")
        with pytest.raises(Refused, match=f"ticket {other} waits"):
            undo(connection, expired.trail_id, ADA)


def test_an_old_item_knows_no_act_and_is_left_alone(shop: Engine) -> None:
    (id_,) = made(shop, "errored")
    operation = done(shop, "retry", "tab=errored")
    with shop.begin() as connection:
        connection.execute(
            insert(OperationItem).values(
                operation_id=operation, ticket_id=10**9, moves=0, state="errored", result="changed"
            )
        )
    assert undone(shop, operation).matched == 1
    assert states(shop, [id_]) == ["errored"]
