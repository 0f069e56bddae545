"""Many tickets in one call (O25)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from counterfoil import Ticket
from counterfoil.declaration import ParamsDoNotFit
from counterfoil.many import open_many
from counterfoil.options import WrongOption
from tests.counterfoil.firm import firm


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


def test_each_is_a_full_ticket_in_the_callers_transaction(host: Any, session: Session) -> None:
    one, two = host.Customer(name="One"), host.Customer(name="Two")
    session.add_all([one, two])
    many = [{"root": one, "params": {"start": 7}}, {"root": two, "execute_earliest": timedelta(hours=1)}]
    assert open_many(session, host.Customer.assign_number, many, priority="low") == 2
    session.rollback()
    assert session.scalars(select(Ticket)).all() == []
    session.add_all([one, two])
    assert open_many(session, host.Customer.assign_number, many, priority="low") == 2
    session.commit()
    first, second = session.scalars(select(Ticket).order_by(Ticket.id))
    assert (first.root_id, first.root_label, first.params) == (
        f"Customer!{one.id}",
        "customer One",
        {"start": 7},
    )
    assert (first.queue, first.lane, first.priority) == ("numbers", f"number:Customer!{one.id}", 7)
    assert first.token != second.token
    assert second.due_at - second.opened_at > timedelta(minutes=59)
    assert first.turn


def test_a_thousand_take_one_insert(host: Any, session: Session, engine: Engine) -> None:
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    given = ({"params": {"to": f"{n}@example.org"}} for n in range(2500))
    assert open_many(session, host.send, given) == 2500
    session.commit()
    assert len([sql for sql in sent if sql.startswith("INSERT INTO counterfoil_tickets")]) <= 30
    tos = session.scalars(select(Ticket.params).order_by(Ticket.id)).all()
    assert [params["to"] for params in tos] == [f"{n}@example.org" for n in range(2500)]


def test_what_does_not_fit_is_refused_with_its_place(host: Any, session: Session) -> None:
    with pytest.raises(ParamsDoNotFit, match="ticket 1 of the many"):
        open_many(session, host.send, [{}, {"params": {"too": "x"}}])
    with pytest.raises(WrongOption, match="ticket 0 of the many: idempotence_token"):
        open_many(session, host.send, [{"idempotence_token": "x"}])
    with pytest.raises(WrongOption, match=r"ticket 0 of the many: 'to' is no option.* goes into params="):
        open_many(session, host.send, [{"to": "ada"}])
    session.rollback()
    assert open_many(session, host.send, []) == 0
