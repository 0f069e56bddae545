"""Work packages: a processor over the elements of its ticket (O7), and priority by their number (O16)."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, String, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from counterfoil import Ticket, catalogue, open_ticket, processor, root, target
from counterfoil.declaration import RegistryError
from counterfoil.inline import run_pending
from counterfoil.options import WrongOption, current_ticket
from counterfoil.purge import purge
from counterfoil.registry import registry
from counterfoil.saving import RootNotSaved

SEEN: list[Any] = []


@pytest.fixture
def office(engine: Engine) -> Iterator[Any]:
    """Invoices (some with more columns in a table of their own), lines with a composite key, a printer."""
    SEEN.clear()
    with registry.scoped():

        class Base(DeclarativeBase):
            pass

        @root()
        class Invoice(Base):
            __tablename__ = "invoices"
            id: Mapped[int] = mapped_column(primary_key=True)
            kind: Mapped[str] = mapped_column(String(10))
            __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plain"}

        class Reminder(Invoice):
            __tablename__ = "reminders"
            id: Mapped[int] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
            level: Mapped[int] = mapped_column(default=1)
            __mapper_args__ = {"polymorphic_identity": "reminder"}

        @root()
        class Line(Base):
            __tablename__ = "lines"
            order: Mapped[str] = mapped_column(String(20), primary_key=True)
            position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)

        class Stranger(Base):
            __tablename__ = "strangers"
            id: Mapped[int] = mapped_column(primary_key=True)

        @processor("InvoicePrinter", queue="printing")
        def printer(invoices: list[Any], *, copies: int = 1) -> str:
            SEEN.append((invoices, copies))
            return f"{len(invoices)} printed"

        @processor("InvoiceMailer", priority="medium")
        def mailer(invoices: list[Any]) -> None:
            pass

        @target("Mail.send")
        def send() -> None:
            pass

        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield SimpleNamespace(**{k: v for k, v in locals().items() if k[0] != "_"})


def stored(session: Session, ticket: Ticket) -> list[str]:
    query = text("SELECT element_id FROM counterfoil_elements WHERE ticket_id = :id ORDER BY position")
    return list(session.execute(query, {"id": ticket.id}).scalars())


def test_a_processor_gets_its_elements_loaded_and_in_order(office: Any, session: Session) -> None:
    old = office.Invoice(id=7)
    session.add(old)
    session.commit()
    new, line = office.Reminder(level=3), office.Line(order="A,1", position=2)
    session.add_all([new, line])
    ticket = Ticket(view_model=office.printer, elements=[line, new, old, new], params={"copies": 2})
    session.add(ticket)
    session.commit()
    assert stored(session, ticket) == ["Line!A%2C1,2", f"Invoice!{new.id}", "Invoice!7"]
    (ran,) = run_pending(session)
    assert ran.verb == "finish"
    ((elements, copies),) = SEEN
    assert (elements, copies) == ([line, new, old], 2)
    assert (ticket.receipt, ticket.queue) == ("3 printed", "printing")


def test_elements_are_loaded_by_one_query_for_each_class(
    office: Any, session: Session, engine: Engine
) -> None:
    invoices = [office.Reminder() for _ in range(20)] + [office.Invoice() for _ in range(20)]
    lines = [office.Line(order="B", position=n) for n in range(20)]
    session.add_all(invoices + lines)
    session.add(Ticket(view_model=office.printer, elements=invoices + lines))
    session.commit()
    session.expunge_all()
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    run_pending(session)
    assert [len(elements) for elements, _ in SEEN] == [40 + 20]
    assert sum(element.level for element in SEEN[0][0] if isinstance(element, office.Reminder)) == 20
    assert len([sql for sql in asked if "FROM invoices" in sql]) == 1
    assert len([sql for sql in asked if "FROM lines" in sql]) == 1


def test_an_element_that_is_gone_is_named_and_the_processor_not_called(office: Any, session: Session) -> None:
    invoices = [office.Invoice() for _ in range(3)]
    session.add_all(invoices)
    ticket = Ticket(view_model=office.printer, elements=invoices)
    session.add(ticket)
    session.commit()
    gone = invoices[1].id
    session.delete(invoices[1])
    session.commit()
    (ran,) = run_pending(session)
    assert ran.verb == "error"
    assert f"element 2 of 3, Invoice!{gone}, is gone" in str(ran.error)
    assert (ticket.state, ticket.error_kind, SEEN) == ("errored", "resolve", [])


def test_an_element_that_no_worker_could_load_is_refused_at_the_line(office: Any, session: Session) -> None:
    stranger = office.Stranger()
    session.add(stranger)
    with pytest.raises(WrongOption, match="class Stranger: decorate it with @root"):
        Ticket(view_model=office.printer, elements=[stranger])
    with pytest.raises(WrongOption, match=r"Mail.send takes no elements: declare it with @processor"):
        open_ticket(session, office.send, elements=[office.Invoice()])
    session.add(Ticket(view_model=office.printer, elements=[office.Invoice()]))
    with pytest.raises(
        RootNotSaved, match=r"element 1 of this ticket \(InvoicePrinter\), a Invoice, is in no"
    ):
        session.flush()


def test_a_processors_parameter_may_not_bear_an_options_name(office: Any) -> None:
    with pytest.raises(RegistryError, match="processor 'X': its parameter 'queue'"):
        processor("X")(lambda elements, queue: None)
    processor("Y")(lambda elements: None)


def test_elements_roll_back_with_their_ticket_and_leave_with_it(office: Any, session: Session) -> None:
    invoice = office.Invoice()
    session.add(invoice)
    session.commit()
    session.add(Ticket(view_model=office.printer, elements=[invoice]))
    session.flush()
    session.rollback()
    count = text("SELECT count(*) FROM counterfoil_elements")
    assert session.execute(count).scalar() == 0
    ticket = open_ticket(
        session, office.printer, elements=[invoice], idempotence_token="May", keep_receipt_minutes=0
    )
    session.commit()
    assert stored(session, ticket) == [f"Invoice!{invoice.id}"]
    again = open_ticket(session, office.printer, elements=[invoice], idempotence_token="May")
    assert again.id == ticket.id
    run_pending(session)
    assert purge(session.connection()) == 1
    assert session.execute(count).scalar() == 0


@pytest.mark.parametrize(("count", "priority"), [(1, 5), (10, 5), (11, 7), (100, 7), (101, 9)])
def test_a_long_list_goes_after_a_short_one(office: Any, session: Session, count: int, priority: int) -> None:
    invoices = [office.Invoice() for _ in range(count)]
    session.add_all(invoices)
    ticket = Ticket(view_model=office.printer, elements=invoices)
    session.add(ticket)
    session.flush()
    assert ticket.priority == priority


def test_what_is_said_about_the_priority_goes_before_the_size(office: Any, session: Session) -> None:
    invoices = [office.Invoice() for _ in range(101)]
    session.add_all(invoices)
    explicit = Ticket(view_model=office.printer, elements=invoices, priority="high")
    declared = Ticket(view_model=office.mailer, elements=invoices)
    running = current_ticket.set(SimpleNamespace(id=1, priority=1, batch_id=None, opened_by="ada"))
    try:
        inherited = Ticket(view_model=office.mailer, elements=invoices)
    finally:
        current_ticket.reset(running)
    nothing = Ticket(view_model=office.send)
    session.add_all([explicit, declared, inherited, nothing])
    session.flush()
    assert [each.priority for each in (explicit, declared, inherited, nothing)] == [3, 5, 1, 5]
    assert inherited.opened_by == "ada"
