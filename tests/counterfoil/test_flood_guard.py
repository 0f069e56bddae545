"""The flood guard: no second ticket while an equal one waits, and no last change lost (O22)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from counterfoil import FloodGuard, Ticket, catalogue, open_batch, open_ticket, target
from counterfoil.database import make_engine
from counterfoil.inline import run_pending
from counterfoil.options import WrongOption
from counterfoil.registry import registry
from counterfoil.saving import TicketRolledBack
from tests.counterfoil.core import Bench
from tests.counterfoil.firm import firm

CHANGES = 40


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine, known=False) as made:

        @target("Index.write", lane="index")
        def write(*, what: str = "all") -> None:
            pass

        made.write = write
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield made


def rows(session: Session) -> list[Ticket]:
    return list(session.scalars(select(Ticket).order_by(Ticket.id)))


def guarded(session: Session, view_model: Any, **options: Any) -> Ticket:
    ticket = Ticket(view_model=view_model, **({"guard": True} | options))
    session.add(ticket)
    session.commit()
    return ticket


def test_no_second_ticket_is_opened_while_an_equal_one_waits(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    greeter = host.Customer.ViewModels.TheGreeter
    first = guarded(session, greeter, root=customer)
    assert (first.id is not None, first.waiting_id) == (True, None)
    second = guarded(session, greeter, root=customer)
    assert second.waiting_id == first.id
    assert [ticket.id for ticket in rows(session)] == [first.id]
    run_pending(session)
    third = guarded(session, greeter, root=customer)
    assert third.waiting_id is None, "what has run does not wait"
    session.add(second)
    with pytest.raises(TicketRolledBack):
        session.flush()


def test_equal_is_the_same_view_model_root_and_params_or_the_same_key(host: Any, session: Session) -> None:
    one, other = host.Customer(), host.Customer()
    session.add_all([one, other])
    greeter = host.Customer.ViewModels.TheGreeter
    session.add_all([Ticket(view_model=greeter, root=root, guard=True) for root in (one, one, other)])
    session.add_all([Ticket(view_model=host.write, params={"what": w}, guard=True) for w in "aab"])
    session.commit()
    assert [(t.root_id, t.params) for t in rows(session)] == [
        (f"Customer!{one.id}", None),
        (f"Customer!{other.id}", None),
        (None, {"what": "a"}),
        (None, {"what": "b"}),
    ]
    assert guarded(session, host.write, params={"what": "c"}, guard="a key").waiting_id is None
    assert guarded(session, host.write, params={"what": "d"}, guard="a key").waiting_id is not None
    assert guarded(session, host.send, guard="a key").waiting_id is None
    assert guarded(session, host.write, params={"what": "a"}, guard=False).waiting_id is None


def test_what_is_due_later_or_expires_earlier_does_not_stand_for_it(host: Any, session: Session) -> None:
    hour = timedelta(hours=1)
    later = guarded(session, host.write, execute_earliest=hour)
    now = guarded(session, host.write)
    assert now.waiting_id is None
    assert guarded(session, host.write, execute_earliest=hour).waiting_id in (later.id, now.id)
    ends = guarded(session, host.send, expires_at=hour)
    assert guarded(session, host.send, expires_at=hour / 2).waiting_id == ends.id
    assert guarded(session, host.send).waiting_id is None


def test_what_is_stuck_does_not_swallow_every_change(host: Any, session: Session) -> None:
    stuck = guarded(session, host.write)
    session.execute(
        text("UPDATE counterfoil_tickets SET opened_at = :then WHERE id = :id").bindparams(
            then=(datetime.now(UTC) - timedelta(hours=2))
            if session.get_bind().dialect.name == "postgresql"
            else "2020-01-01 00:00:00.000000",
            id=stuck.id,
        )
    )
    session.commit()
    patient = FloodGuard(max_age=timedelta(days=36500))
    assert guarded(session, host.write, guard=patient).waiting_id == stuck.id
    second = guarded(session, host.write)
    assert second.waiting_id is None
    assert guarded(session, host.write).waiting_id == second.id


def test_a_guarded_ticket_and_what_it_may_not_be(host: Any, session: Session) -> None:
    for wrong in ({"staged": True}, {"idempotence_token": "t"}):
        with pytest.raises(WrongOption, match="guard= goes with neither"):
            open_ticket(session, host.write, guard=True, **wrong)
    with pytest.raises(TypeError, match="guard must be True, a key or a FloodGuard"):
        Ticket(view_model=host.write, guard=7)  # type: ignore[arg-type]


def test_a_ticket_taken_back_leaves_lane_and_batch_as_they_were(host: Any, session: Session) -> None:
    batch = open_batch(session, "index", expected=1)
    waiting = guarded(session, host.write, guard="k", execute_earliest=timedelta(minutes=-5))
    needless = Ticket(view_model=host.write, guard="k", batch=batch)
    behind = Ticket(view_model=host.write)
    session.add_all([needless, behind])
    session.commit()
    assert needless.waiting_id == waiting.id
    assert [ran.verb for ran in run_pending(session)] == ["finish", "finish"]


def test_a_waiting_ticket_is_not_claimed_before_the_caller_commits(engine: Engine) -> None:
    """The race that it is about: the value is written, the ticket waits, a worker is at hand."""
    bench = Bench(engine)
    read: list[str] = []
    bench.execute("CREATE TABLE source (value VARCHAR(20))")
    bench.execute("INSERT INTO source VALUES ('old')")

    def copy() -> None:
        read.append(bench.current.execute(text("SELECT value FROM source")).scalar_one())  # type: ignore

    bench.work("Source.copy", copy)
    with Session(engine) as session:
        session.add(Ticket(view_model="Source.copy", guard=True))
        session.commit()
    ready, commit = Event(), Event()

    def write() -> None:
        with Session(engine) as session:
            session.execute(text("UPDATE source SET value = 'new'"))
            session.add(Ticket(view_model="Source.copy", guard=True))
            session.flush()
            ready.set()
            assert commit.wait(30)
            session.commit()

    writer = Thread(target=write)
    writer.start()
    assert ready.wait(30)
    lease, ran = bench.lease("default") if engine.dialect.name == "postgresql" else None, []
    if lease is not None:
        assert bench.claim(lease) is None, "the worker passes over it"
        commit.set()
    else:
        worker = Thread(target=lambda: ran.extend(bench.drain()))  # its claim waits for the write lock
        worker.start()
        commit.set()
        worker.join(30)
    writer.join(30)
    ran.extend(bench.drain())
    assert [verb for _, verb in ran] == ["finish"]
    assert read == ["new"]


def test_no_last_change_is_lost_however_worker_and_writer_meet(engine: Engine) -> None:
    bench = Bench(engine)
    read: list[int] = []
    bench.execute("CREATE TABLE source (value INTEGER)")
    bench.execute("INSERT INTO source VALUES (0)")

    def copy() -> None:
        read.append(bench.current.execute(text("SELECT value FROM source")).scalar_one())  # type: ignore

    bench.work("Source.copy", copy)
    over, behind = Event(), []

    def work() -> None:
        # SQLite's lock goes to whoever asks when it is free: the writer has to find it so.
        while not over.wait(0.005):
            bench.drain()

    worker = Thread(target=work)
    worker.start()
    try:
        for value in range(1, CHANGES + 1):
            with Session(engine) as session:
                session.execute(text("UPDATE source SET value = :value"), {"value": value})
                ticket = Ticket(view_model="Source.copy", guard=True)
                session.add(ticket)
                session.commit()
                behind.append(ticket.waiting_id)
            while value % 10 == 0 and read[-1:] != [value]:
                assert worker.is_alive(), f"{value} was written, {read[-1:]} was read last, and nothing waits"
                if not bench.all("SELECT 1 FROM counterfoil_tickets WHERE state <> 'done'"):
                    assert read[-1] == value
    finally:
        over.set()
        worker.join(60)
    assert read[-1] == CHANGES
    assert len(read) + len([each for each in behind if each is not None]) == CHANGES


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_hosts_of_every_isolation_open_packages(postgresql_url: str, isolation: str) -> None:
    engine = make_engine(postgresql_url, isolation_level=isolation)
    with firm(engine) as host, Session(engine) as session:
        batch = open_batch(session, "b", expected=2)
        first = guarded(session, host.send, batch=batch)
        assert guarded(session, host.send, batch=batch).waiting_id == first.id
    engine.dispose()


def test_a_change_after_the_claim_opens_a_second_ticket(engine: Engine) -> None:
    bench = Bench(engine)
    bench.work("Source.copy")
    with Session(engine) as session:
        first = Ticket(view_model="Source.copy", guard=True)
        session.add(first)
        session.commit()
        claimed = bench.claim(bench.lease())
        assert claimed is not None
        second = Ticket(view_model="Source.copy", guard=True)
        session.add(second)
        session.commit()
        assert (claimed.id, second.waiting_id) == (first.id, None)


def test_two_flushes_with_the_same_keys_do_not_meet_crosswise(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    bench = Bench(engine)
    bench.work("Source.copy")
    keys = [f"k{n}" for n in range(20)]
    with Session(engine) as session:
        session.add_all([Ticket(view_model="Source.copy", guard=key) for key in keys])
        session.commit()
    ended: list[int] = []

    def write(order: list[str]) -> None:
        for _ in range(10):
            with Session(engine) as session:
                made = [Ticket(view_model="Source.copy", guard=key) for key in order]
                session.add_all(made)
                session.commit()
                ended.append(len([ticket for ticket in made if ticket.waiting_id is not None]))

    threads = [Thread(target=write, args=(order,)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == [20] * 20
    engine.dispose()
