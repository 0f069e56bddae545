"""Who opened a ticket, from the host's context (O19), and what work hands on to its follow-ups (O28)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from counterfoil import Counterfoil, Ticket, open_batch, open_ticket
from counterfoil.settings import Settings
from tests.counterfoil.core import Bench
from tests.counterfoil.firm import firm


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


def open_all(engine: Engine, host: Any, opened_by: Any) -> list[str | None]:
    settings = Settings(database_url=engine.url.render_as_string(hide_password=False))
    Counterfoil(sessionmaker(engine), settings=settings, opened_by=opened_by)
    with Session(engine) as session:
        plain = Ticket(view_model=host.send)
        named = Ticket(view_model=host.send, opened_by="cron")
        session.add_all([plain, named])
        once = open_ticket(session, host.send, idempotence_token="x")
        batch = open_batch(session, "mails")
        session.commit()
        found = [plain.opened_by, named.opened_by, once.opened_by, batch.opened_by]
        session.rollback()
    return found


def test_the_host_says_who_opens_where_nobody_was_named(engine: Engine, host: Any) -> None:
    assert (
        open_all(engine, host, lambda: "ada@example.org")
        == ["ada@example.org", "cron"] + ["ada@example.org"] * 2
    )


def test_an_opener_that_nobody_knows_never_stops_the_opening(engine: Engine, host: Any) -> None:
    def broken() -> str:
        raise RuntimeError("working outside of request context")

    assert open_all(engine, host, broken) == [None, "cron", None, None]
    assert open_all(engine, host, lambda: None) == [None, "cron", None, None]


def test_the_person_in_charge_is_named_or_the_view_models(engine: Engine, host: Any) -> None:
    with Session(engine) as session:
        customer = host.Customer()
        session.add(customer)
        greeter = host.Customer.ViewModels.TheGreeter
        declared = Ticket(view_model=greeter, root=customer)
        named = Ticket(view_model=greeter, root=customer, in_charge="bob")
        session.add_all([declared, named])
        session.commit()
        assert (declared.in_charge, named.in_charge) == ("ada", "bob")


def test_work_continues_itself_in_chunks_each_in_its_own_transaction(engine: Engine) -> None:
    bench = Bench(engine)
    done: list[tuple[int, list[int]]] = []

    def send(ticket: Any, *, after: int = 0) -> None:
        chunk = [n for n in range(1, 8) if n > after][:3]
        done.append((ticket.attempt, chunk))
        if len(done) == 2:
            open_ticket(bench.current, "Mailing.send", after=chunk[-1])
            raise ValueError("the second chunk fails at first, with the continuation it opened")
        if len(chunk) == 3:
            open_ticket(bench.current, "Mailing.send", after=chunk[-1])

    bench.work("Mailing.send", send, max_attempts=2)
    with Session(engine) as session:
        batch = open_batch(session, "mailing")
        session.add(
            Ticket(
                view_model="Mailing.send", batch=batch, priority="minor", opened_by="ada", params={"after": 0}
            )
        )
        session.commit()
        batch_id = batch.id
    bench.drain()
    bench.execute("UPDATE counterfoil_tickets SET retry_at = opened_at WHERE state = 'pending'")
    bench.drain()
    assert done == [(1, [1, 2, 3]), (1, [4, 5, 6]), (2, [4, 5, 6]), (1, [7])]
    rows = bench.all("SELECT * FROM counterfoil_tickets ORDER BY id")
    assert [(r.state, r.priority, r.batch_id, r.opened_by) for r in rows] == [
        ("done", 9, batch_id, "ada")
    ] * 3
    assert [r.parent_id for r in rows] == [None, rows[0].id, rows[1].id]
