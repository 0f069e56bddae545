"""The on-commit collector: one ticket in all, one for each record, or one for each so many (O21)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from counterfoil import catalogue, collect, processor, target
from counterfoil.collector import open_collected
from counterfoil.inline import run_pending
from counterfoil.options import WrongOption
from counterfoil.registry import registry
from tests.counterfoil.firm import firm

SEEN: list[list[str]] = []


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    SEEN.clear()
    with firm(engine, known=False) as made:

        @processor("Index.customers")
        def index(customers: list[Any], *, how: str = "all") -> None:
            SEEN.append([customer.name for customer in customers])

        @target("Touch.everyone")
        def touch() -> None:
            for customer in made.session.query(made.Customer).order_by(made.Customer.id):
                collect(made.session, index, customer)

        made.index, made.touch = index, touch
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield made


@pytest.fixture
def customers(host: Any, session: Session) -> list[Any]:
    host.session = session
    made = [host.Customer(name=name) for name in "abcde"]
    session.add_all(made)
    session.commit()
    return made


def opened(session: Session) -> list[list[str]]:
    rows = session.execute(
        text(
            "SELECT t.id, c.name FROM counterfoil_tickets t "
            "JOIN counterfoil_elements e ON e.ticket_id = t.id "
            "JOIN customers c ON 'Customer!' || c.id = e.element_id ORDER BY t.id, e.position"
        )
    ).all()
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row.name)
    return [*found.values()]


def test_one_ticket_in_all_with_each_record_once_in_order(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[2], customers[0])
    session.flush()
    collect(session, host.index, customers[0])
    new = host.Customer(name="new")
    session.add(new)
    collect(session, host.index, new)
    assert opened(session) == []
    session.commit()
    assert opened(session) == [["c", "a", "new"]]
    session.commit()
    assert opened(session) == [["c", "a", "new"]], "once"


def test_one_ticket_for_each_record_or_for_each_so_many(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, *customers, per=2)
    session.commit()
    assert opened(session) == [["a", "b"], ["c", "d"], ["e"]]
    collect(session, host.Customer.ViewModels.TheGreeter, *customers[:2], per=1, priority="high")
    session.commit()
    roots = text("SELECT root_id, priority FROM counterfoil_tickets WHERE root_id IS NOT NULL ORDER BY id")
    assert [tuple(row) for row in session.execute(roots)] == [
        (f"Customer!{customer.id}", 3) for customer in customers[:2]
    ]


def test_records_with_other_options_go_into_another_ticket(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[0], params={"how": "fast"})
    collect(session, host.index, customers[1])
    session.commit()
    assert opened(session) == [["a"], ["b"]]


def test_what_a_savepoint_collected_is_forgotten_with_it(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[0])
    with session.begin_nested():
        collect(session, host.index, customers[1])
        inner = session.begin_nested()
        collect(session, host.index, customers[2], customers[0])
        inner.rollback()
    outer = session.begin_nested()
    with session.begin_nested():
        collect(session, host.index, customers[3])
    outer.rollback()
    assert opened(session) == [], "not at the release of a savepoint"
    session.commit()
    assert opened(session) == [["a", "b"]]


def test_a_rolled_back_or_closed_transaction_opens_nothing(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[0])
    session.rollback()
    session.commit()
    session.execute(text("SELECT 1"))
    collect(session, host.index, customers[0])
    session.close()
    session.commit()
    assert opened(session) == []


def test_what_work_collects_is_opened_before_its_finish(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[4])
    from counterfoil import Ticket

    session.add(Ticket(view_model=host.touch, priority="urgent"))
    ran = run_pending(session)
    assert [(each.view_model, each.verb) for each in ran] == [
        ("Touch.everyone", "finish"),
        ("Index.customers", "finish"),
        ("Index.customers", "finish"),
    ]
    assert sorted(SEEN) == [["a", "b", "c", "d", "e"], ["e"]]


def test_what_cannot_be_collected_is_refused_at_the_line(
    host: Any, session: Session, customers: list[Any]
) -> None:
    with pytest.raises(WrongOption, match="TheGreeter is about one root: collect its records with per=1"):
        collect(session, host.Customer.ViewModels.TheGreeter, customers[0])
    with pytest.raises(WrongOption, match="per must be a whole number"):
        collect(session, host.index, customers[0], per=0)
    with pytest.raises(WrongOption, match="root= is what collect gives"):
        collect(session, host.index, customers[0], root=customers[0])


def test_a_test_may_open_what_was_collected_before_the_commit(
    host: Any, session: Session, customers: list[Any]
) -> None:
    collect(session, host.index, customers[0])
    (ticket,) = open_collected(session)
    session.flush()
    assert opened(session) == [["a"]]
    assert ticket.priority == 5
