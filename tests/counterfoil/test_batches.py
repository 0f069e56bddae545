"""Batches: tickets counted together, with a follow-up when the last one has ended (O20)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session

from counterfoil import Batch, Fail, Ticket, acts, batches, open_batch, open_ticket, seal, target
from counterfoil.acts import Actor
from counterfoil.inline import run_pending
from counterfoil.options import WrongOption
from counterfoil.purge import purge
from counterfoil.registry import registry
from counterfoil.saving import connection_of
from counterfoil.undo import undo
from tests.counterfoil.firm import firm

ENDS: dict[str, str] = {}


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine, known=False) as made:

        @target("Printer.page", max_attempts=1, keep_receipt_minutes=0)
        def page(*, how: str = "well", more: int = 0, ticket: Any = None) -> None:
            if how == "badly":
                raise ValueError("paper jam")
            if how == "never":
                raise Fail("no such page")
            if more:
                open_ticket(made.session, page, more=more - 1)

        @target("Printer.staple")
        def staple(*, where: str = "left") -> str:
            return where

        made.page, made.staple = page, staple
        from counterfoil import catalogue

        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield made


@pytest.fixture
def session(host: Any, session: Session) -> Session:
    host.session = session
    return session


def add(session: Session, host: Any, batch: Any, *hows: str) -> list[Ticket]:
    tickets = [Ticket(view_model=host.page, batch=batch, params={"how": how}) for how in hows]
    session.add_all(tickets)
    session.commit()
    return tickets


def close(session: Session) -> list[int]:
    closed, _ = batches.close_complete(connection_of(session))
    session.commit()
    return closed


def standing(session: Session, batch: Batch) -> batches.Counts:
    return batches.counts(connection_of(session), [batch.id])[batch.id]


def test_a_batch_counts_each_ticket_once_by_its_state(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages", expected=4, opened_by="ada")
    add(session, host, batch, "well", "badly", "never", "well")
    assert standing(session, batch) == batches.Counts(waiting=4)
    run_pending(session)
    found = standing(session, batch)
    assert found == batches.Counts(done=2, errored=1, failed=1)
    assert (found.total, found.open, found.ended) == (4, 1, 3)


def test_an_errored_ticket_keeps_its_batch_open_until_a_person_decides(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages", expected=2)
    add(session, host, batch, "well", "badly")
    (_, errored) = run_pending(session)
    session.commit()
    assert close(session) == []
    acts.act(connection_of(session), "expire", errored.ticket_id, Actor("otto", "console"), reason="later")
    session.commit()
    assert close(session) == [batch.id]
    assert standing(session, batch) == batches.Counts(done=1, expired=1)


def test_the_follow_up_opens_once_with_its_root_and_params(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    session.flush()
    batch = open_batch(
        session,
        "pages",
        expected=1,
        follow_up=host.staple,
        follow_up_params={"where": "right"},
        opened_by="ada",
    )
    rooted = open_batch(
        session, "greetings", follow_up=host.Customer.ViewModels.TheGreeter, follow_up_root=customer
    )
    seal(session, rooted)
    add(session, host, batch, "well")
    assert [ran.view_model for ran in run_pending(session)] == [
        "Printer.page",
        "Printer.staple",
        "TheGreeter",
    ]
    session.commit()
    staple = session.get_one(Ticket, batch.follow_up_ticket_id)
    assert (staple.receipt, staple.opened_by, staple.opened_via, staple.batch_id) == (
        "right",
        "ada",
        "batch",
        None,
    )
    assert session.get_one(Ticket, rooted.follow_up_ticket_id).root_id == f"Customer!{customer.id}"
    add(session, host, batch, "well")
    session.refresh(batch)
    assert batch.closed_at is None, "a late ticket opens its batch again"
    assert [ran.view_model for ran in run_pending(session)] == ["Printer.page"]
    session.refresh(batch)
    assert batch.closed_at is not None
    assert standing(session, batch) == batches.Counts(done=2)


def test_a_retry_opens_a_complete_batch_again_and_so_does_an_undo(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages", expected=1)
    (ticket,) = add(session, host, batch, "badly")
    run_pending(session)
    otto = Actor("otto", "console")
    expired = acts.act(connection_of(session), "expire", ticket.id, otto, reason="no paper")
    session.commit()
    assert close(session) == [batch.id]
    undo(connection_of(session), expired.trail_id, otto)
    session.refresh(batch)
    assert batch.closed_at is None
    acts.act(connection_of(session), "fail", ticket.id, otto, reason="no paper")
    session.commit()
    assert close(session) == [batch.id]
    acts.act(connection_of(session), "retry", ticket.id, otto)
    session.refresh(batch)
    assert batch.closed_at is None


def test_an_undo_after_which_its_ticket_is_final_leaves_a_complete_batch_closed(
    host: Any, session: Session
) -> None:
    # Opened and closed again, its opener would be told a second time that it is complete.
    batch = open_batch(session, "pages", expected=1, opened_by="ada")
    (ticket,) = add(session, host, batch, "well")
    run_pending(session)
    session.commit()
    assert batch.closed_at is not None
    kept = acts.act(connection_of(session), "keep", ticket.id, otto := Actor("otto", "console"))
    undo(connection_of(session), kept.trail_id, otto)
    session.commit()
    assert batch.closed_at is not None
    assert close(session) == []


def test_a_batch_without_a_number_waits_until_it_is_sealed(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages")
    add(session, host, batch, "well")
    run_pending(session)
    session.commit()
    assert close(session) == []
    seal(session, batch)
    assert batch.sealed
    assert close(session) == [batch.id]


def test_a_batch_waits_for_the_number_that_it_expects(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages", expected=2)
    add(session, host, batch, "well")
    run_pending(session)
    session.commit()
    assert close(session) == []
    add(session, host, batch, "well")
    assert close(session) == []
    run_pending(session)
    session.refresh(batch)
    assert batch.closed_at is not None


def test_a_parent_waits_for_its_children(host: Any, session: Session) -> None:
    year = open_batch(session, "2026", expected=2)
    may, june = (open_batch(session, month, expected=1, parent=year) for month in ("May", "June"))
    add(session, host, may, "well")
    add(session, host, june, "badly")
    run_pending(session)
    session.commit()
    assert close(session) == []
    (errored,) = session.scalars(text("SELECT id FROM counterfoil_tickets WHERE state = 'errored'"))
    acts.act(connection_of(session), "fail", errored, Actor("otto", "console"), reason="no paper")
    session.commit()
    assert [close(session), close(session)] == [[june.id], [year.id]]
    assert standing(session, june).failed == 1
    add(session, host, may, "well")
    session.refresh(year)
    assert year.closed_at is None, "a late ticket of a child opens its parents again"


def test_the_purge_never_takes_a_ticket_of_an_open_batch_and_keeps_the_numbers(
    host: Any, session: Session
) -> None:
    batch = open_batch(session, "pages", expected=3)
    add(session, host, batch, "well", "well")
    session.add(Ticket(view_model=host.page))
    run_pending(session)
    session.commit()
    assert purge(connection_of(session)) == 1, "the one without a batch"
    assert purge(connection_of(session)) == 0
    late = text("SELECT count(*) FROM counterfoil_tickets WHERE delete_time > done")
    assert session.execute(late).scalar() == 2, "out of the purge's way for an hour"
    add(session, host, batch, "well")
    run_pending(session)
    session.execute(text("UPDATE counterfoil_tickets SET delete_time = done"))
    session.commit()
    assert purge(connection_of(session)) == 3
    assert standing(session, batch) == batches.Counts(done=3)


def test_what_work_opens_belongs_to_its_batch(host: Any, session: Session) -> None:
    batch = open_batch(session, "pages")
    session.add(Ticket(view_model=host.page, batch=batch, priority="high", params={"more": 2}))
    session.add(Ticket(view_model=host.page, batch=batch.id, params={"more": 0}))
    seal(session, batch)
    assert len(run_pending(session)) == 4
    assert standing(session, batch).done == 4
    priorities = session.scalars(text("SELECT priority FROM counterfoil_tickets ORDER BY id")).all()
    assert priorities == [3, 5, 3, 3]


def test_a_batch_that_is_none_is_refused(host: Any, session: Session) -> None:
    for wrong in ("pages", True):
        with pytest.raises(WrongOption, match="batch must be what open_batch returned"):
            Ticket(view_model=host.page, batch=wrong)
    session.add(Ticket(view_model=host.page, batch=4711))
    with pytest.raises(WrongOption, match="there is no batch 4711"):
        session.flush()
    session.rollback()
    with pytest.raises(WrongOption, match="expected must be"):
        open_batch(session, "pages", expected=-1)
    with pytest.raises(WrongOption, match="there is no batch 4711 to seal"):
        seal(session, 4711)
    assert Ticket(view_model=host.page, batch=False).batch_id is None


def test_a_finish_writes_nothing_to_the_batch(host: Any, session: Session, engine: Engine) -> None:
    batch = open_batch(session, "pages", expected=2)
    add(session, host, batch, "well", "never")
    written: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: written.append(args[2]))
    for claimed in run_pending(session):
        assert claimed.verb in ("finish", "fail")
    writes = re.compile(r"(UPDATE|INSERT INTO|DELETE FROM) counterfoil_batches\b")
    touched = [sql for sql in written if writes.match(sql)]
    assert [sql[:26] for sql in touched] == ["UPDATE counterfoil_batches"], "the one that closes it"


def test_nobody_closes_a_batch_that_another_transaction_is_adding_to(
    postgresql_url: str, request: pytest.FixtureRequest
) -> None:
    engine = create_engine(postgresql_url)
    with firm(engine) as host, Session(engine) as one, Session(engine) as other:
        batch = open_batch(one, "pages", expected=0)
        one.commit()
        adding = Ticket(view_model=host.send, batch=batch)
        one.add(adding)
        one.flush()
        assert close(other) == [], "passed over, without waiting"
        one.commit()
        assert close(other) == [], "it has an open ticket now"
    engine.dispose()


def test_of_two_who_close_a_batch_one_opens_the_follow_up(engine: Engine, host: Any) -> None:
    with Session(engine) as one, Session(engine) as other:
        batch = open_batch(one, "pages", expected=0, follow_up=host.staple)
        one.commit()
        assert batches.close_complete(connection_of(one))[0] == [batch.id]
        if engine.dialect.name == "postgresql":
            assert close(other) == []
        one.commit()
        assert close(other) == []
        assert other.scalar(text("SELECT count(*) FROM counterfoil_tickets")) == 1
