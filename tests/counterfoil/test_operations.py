"""Bulk acts: preview, frozen set, each ticket at most once, stop, and a death in the middle."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from counterfoil import frozen_set, operation_steps, operations
from counterfoil.acts import Actor, Refused, act
from counterfoil.filters import TicketFilter
from counterfoil.tables import Operation, OperationItem, TrailEntry
from counterfoil.ticket import STATES, Ticket
from tests.console.tickets.cast import known, many, ticket

ADA, BOB = Actor("ada", "console"), Actor("bob", "console")


def new() -> str:
    return secrets.token_urlsafe(24)


def work(engine: Engine) -> int:
    """The scheduler's duty until there is nothing to do; how many chunks."""
    for chunks in range(500):
        with engine.begin() as connection:
            if not operations.work(connection):
                return chunks
    raise AssertionError("work never ends")


def asked(engine: Engine, verb: str, query: str | None = None, ids: list[int] | None = None) -> int:
    with engine.begin() as connection:
        id_ = operations.ask(connection, verb, ADA, new(), query=query, ids=ids)
    work(engine)
    return id_


def started(engine: Engine, id_: int, reason: str | None = "bank is up again") -> None:
    with engine.begin() as connection:
        operations.start(connection, id_, ADA, reason, read(engine, id_).matched)


def read(engine: Engine, id_: int) -> Operation:
    with engine.connect() as connection:
        row = connection.execute(select(Operation.__table__).where(Operation.id == id_)).one()
    return Operation(**row._mapping)


def states(engine: Engine, ids: list[int]) -> list[str]:
    with engine.connect() as connection:
        found = connection.execute(select(Ticket.id, Ticket.state).where(Ticket.id.in_(ids)))
        by_id: dict[int, str] = {row.id: row.state for row in found}
    return [by_id[id_] for id_ in ids]


@pytest.fixture
def shop(engine: Engine) -> Engine:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number")
    return engine


def made(engine: Engine, *wanted: str, **fields: object) -> list[int]:
    with engine.begin() as connection:
        return [ticket(connection, state, **fields) for state in wanted]


def test_all_that_match_are_previewed_exactly_and_then_retried(shop: Engine) -> None:
    ids = made(shop, *["errored"] * 3, "done", "failed")
    id_ = asked(shop, "retry", "tab=errored")
    before = read(shop, id_)
    assert (before.state, before.matched, before.by_state) == ("previewed", 3, {"errored": 3})
    assert states(shop, ids) == ["errored"] * 3 + ["done", "failed"]
    started(shop, id_)
    work(shop)
    after = read(shop, id_)
    assert (after.state, after.changed, after.skipped, after.failed) == ("done", 3, 0, 0)
    assert states(shop, ids) == ["pending"] * 3 + ["done", "failed"]
    with shop.connect() as connection:
        trail = connection.execute(select(TrailEntry.__table__).order_by(TrailEntry.id)).all()
    assert [row.verb for row in trail] == ["start operation", "retry", "retry", "retry"]
    assert {(row.actor, row.reason, row.operation_id) for row in trail} == {("ada", "bank is up again", id_)}


def test_a_bulk_retry_never_takes_a_done_one_and_says_so(shop: Engine) -> None:
    ids = made(shop, "done", "errored", "expired", "running")
    id_ = asked(shop, "retry", ids=ids)
    assert read(shop, id_).skipped_at_preview == {"done": 1, "running": 1}
    started(shop, id_)
    work(shop)
    assert states(shop, ids) == ["done", "pending", "pending", "running"]
    assert (read(shop, id_).changed, read(shop, id_).skipped) == (2, 2)


def test_what_moved_since_the_preview_is_skipped_and_counted(shop: Engine) -> None:
    ids = made(shop, "errored", "errored")
    id_ = asked(shop, "expire", "tab=errored")
    with shop.begin() as connection:
        act(connection, "retry", ids[0], BOB)
    started(shop, id_)
    work(shop)
    assert states(shop, ids) == ["pending", "expired"]
    assert (read(shop, id_).changed, read(shop, id_).skipped) == (1, 1)
    with shop.connect() as connection:
        why = connection.execute(
            select(OperationItem.reason).where(OperationItem.ticket_id == ids[0])
        ).scalar_one()
    assert "pending" in why


def test_a_ticket_that_fails_again_meanwhile_is_not_taken_twice(shop: Engine) -> None:
    (id_,) = made(shop, "errored")
    operation = asked(shop, "retry", "tab=errored")
    started(shop, operation)
    with shop.begin() as connection:
        assert operations.work(connection)
        connection.execute(
            update(Ticket).where(Ticket.id == id_).values(state="errored", moves=Ticket.moves + 3)
        )
    work(shop)
    assert states(shop, [id_]) == ["errored"]
    assert read(shop, operation).changed == 1


def test_a_ticket_that_came_after_the_asking_is_not_in_the_set(shop: Engine) -> None:
    with shop.begin() as connection:
        id_ = operations.ask(connection, "retry", ADA, new(), query="tab=errored")
    # SQLite tells milliseconds: the same one would be in time.
    (late,) = made(shop, "errored", moved_at=read(shop, id_).asked_at + timedelta(milliseconds=1))
    work(shop)
    assert read(shop, id_).matched == 0
    assert states(shop, [late]) == ["errored"]


def test_a_repeated_submit_is_one_operation(shop: Engine) -> None:
    token = new()
    with shop.begin() as connection:
        first = operations.ask(connection, "retry", ADA, token, query="tab=errored")
        assert operations.ask(connection, "retry", ADA, token, query="tab=errored") == first
        with pytest.raises(Refused, match="another person's"):
            operations.ask(connection, "retry", BOB, token, query="tab=errored")
        assert connection.execute(select(func.count()).select_from(Operation)).scalar_one() == 1


def test_it_starts_once_and_only_on_the_number_that_was_seen(shop: Engine) -> None:
    made(shop, "errored")
    id_ = asked(shop, "retry", "tab=errored")
    with shop.begin() as connection:
        with pytest.raises(Refused, match="look at its preview again"):
            operations.start(connection, id_, ADA, None, expected=2)
        operations.start(connection, id_, ADA, None, expected=1)
        with pytest.raises(Refused, match="is started"):
            operations.start(connection, id_, BOB, None, expected=1)


@pytest.mark.parametrize("query", ["", "tab=all", "window=7d"])
@pytest.mark.parametrize("verb", ["expire", "fail"])
def test_expire_and_fail_on_everything_are_refused(shop: Engine, verb: str, query: str) -> None:
    with shop.begin() as connection, pytest.raises(Refused, match="choose a tab or a filter first"):
        operations.ask(connection, verb, ADA, new(), query=query)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda c: operations.ask(c, "purge", ADA, new(), query="tab=done"), "there is no 'purge'"),
        (lambda c: operations.ask(c, "retry", ADA, "", query="tab=done"), "no submit token"),
        (lambda c: operations.ask(c, "retry", ADA, new(), query="sort=id"), "no such field"),
        (lambda c: operations.ask(c, "retry", ADA, new(), ids=[]), "no ticket is selected"),
        (lambda c: operations.ask(c, "retry", ADA, new(), ids=range(1, 1002)), "use a filter"),
        (lambda c: operations.start(c, 999, ADA, None, 1), "there is no operation 999"),
        (lambda c: operations.stop(c, 999, ADA), "there is no operation 999"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(
    shop: Engine, ask: Callable[[Connection], object], says: str
) -> None:
    with shop.begin() as connection, pytest.raises(Refused, match=says):
        ask(connection)


def test_failing_many_needs_a_reason(shop: Engine) -> None:
    made(shop, "errored")
    id_ = asked(shop, "fail", "tab=errored")
    with pytest.raises(Refused, match="needs a reason"):
        started(shop, id_, reason="  ")


def test_a_large_set_is_frozen_in_chunks_complete_and_without_doubles(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_set, "CHUNK", 100)
    monkeypatch.setattr(frozen_set.freeze, "__defaults__", (100,))
    with shop.connect() as connection:
        many(connection, 3000)
    for query, count in (("tab=errored", 30), ("view=View1", 200), ("tab=done&queue=q1", None), ("", 3000)):
        with shop.begin() as connection:
            id_ = operations.ask(connection, "retry", ADA, new(), query=query)
        with shop.begin() as connection:
            assert operations.work(connection)
        assert read(shop, id_).state == ("previewed" if query == "tab=errored" else "asked")
        work(shop)
        row = read(shop, id_)
        with shop.connect() as connection:
            where = TicketFilter.parse(query).where(row.asked_at)
            exact = connection.execute(select(func.count()).select_from(Ticket).where(where)).scalar_one()
        assert row.state == "previewed"
        assert row.matched == exact == (count or exact)


def test_a_scheduler_killed_in_a_chunk_goes_on_with_each_ticket_once(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_steps.step, "__defaults__", (4,))
    ids = made(shop, *["errored"] * 10)
    id_ = asked(shop, "retry", "tab=errored")
    started(shop, id_)
    with shop.connect() as connection:
        operations.work(connection)
        connection.commit()
        operations.work(connection)
        connection.rollback()  # the process died before its commit
    assert read(shop, id_).changed == 4
    work(shop)
    assert (read(shop, id_).state, read(shop, id_).changed) == ("done", 10)
    with shop.connect() as connection:
        times = connection.execute(
            select(func.count()).where(TrailEntry.verb == "retry").group_by(TrailEntry.ticket_id)
        ).scalars()
        assert list(times) == [1] * 10
    assert states(shop, ids) == ["pending"] * 10


def test_a_stopped_one_takes_no_further_ticket(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_steps.step, "__defaults__", (4,))
    made(shop, *["errored"] * 10)
    id_ = asked(shop, "retry", "tab=errored")
    started(shop, id_)
    with shop.begin() as connection:
        operations.work(connection)
    with shop.begin() as connection:
        operations.stop(connection, id_, BOB)
    work(shop)
    assert (read(shop, id_).state, read(shop, id_).changed) == ("stopped", 4)
    with shop.begin() as connection, pytest.raises(Refused, match="is stopped already"):
        operations.stop(connection, id_, BOB)


def test_a_small_one_is_not_kept_waiting_by_a_large_one(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_steps.step, "__defaults__", (4,))
    made(shop, *["errored"] * 40)
    (small,) = made(shop, "held")
    large_one = asked(shop, "retry", "tab=errored")
    started(shop, large_one)
    with shop.begin() as connection:
        operations.work(connection)
    small_one = asked_while_open(shop, small)
    for _ in range(2):
        with shop.begin() as connection:
            operations.work(connection)
    assert read(shop, small_one).changed == 1
    assert read(shop, large_one).changed < 40


def asked_while_open(engine: Engine, ticket_id: int) -> int:
    with engine.begin() as connection:
        id_ = operations.ask(connection, "release", ADA, new(), ids=[ticket_id])
    with engine.begin() as connection:
        operations.work(connection)
    started(engine, id_, None)
    return id_


@pytest.mark.parametrize("verb", operations.VERBS)
def test_every_verb_takes_the_states_that_the_table_of_moves_lets_it_leave(shop: Engine, verb: str) -> None:
    ids = made(shop, *STATES)
    id_ = asked(shop, verb, ids=ids)
    started(shop, id_)
    work(shop)
    able = [state in frozen_set.may_take(verb) for state in STATES]
    assert (read(shop, id_).changed, read(shop, id_).skipped) == (sum(able), len(STATES) - sum(able))


def test_two_schedulers_at_once_take_each_ticket_once(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_steps.step, "__defaults__", (5,))
    ids = made(shop, *["errored"] * 60)
    id_ = asked(shop, "retry", "tab=errored")
    started(shop, id_)
    both = threading.Barrier(2)

    def scheduler() -> None:
        both.wait()
        work(shop)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(scheduler) for _ in range(2)]:
            done.result()
    work(shop)  # one may have passed over what the other held
    row = read(shop, id_)
    assert (row.state, row.changed, row.skipped, row.failed) == ("done", 60, 0, 0)
    with shop.connect() as connection:
        times = connection.execute(
            select(func.count()).where(TrailEntry.verb == "retry").group_by(TrailEntry.ticket_id)
        ).scalars()
        assert list(times) == [1] * 60
    assert states(shop, ids) == ["pending"] * 60
