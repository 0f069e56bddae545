"""The root of a ticket is a reference in memory and class and key in the row (O2, O3)."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.orm import Session, mapped_column

from counterfoil import Counterfoil, Ticket, sqlite
from counterfoil.host import HostError
from counterfoil.opened_via import MustBeFlushed
from counterfoil.registry import registry
from counterfoil.saving import EngineNotPrepared, RootElsewhere, RootNotSaved, TicketRolledBack
from tests.counterfoil.firm import firm

ROW = "SELECT root_id, root_label, aside, turn, queue, lane FROM counterfoil_tickets ORDER BY id"


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


@pytest.fixture
def saves(engine: Engine) -> list[str]:
    """The INSERT and UPDATE statements on tickets, an UPDATE once for each row it was executed for."""
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if "counterfoil_tickets" in statement and not statement.lstrip().startswith("SELECT"):
            seen.extend([statement.split()[0]] * (len(parameters) if many else 1))

    return seen


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(ROW))]


def test_a_saved_root_is_named_by_the_one_insert(host: Any, session: Session, saves: list[str]) -> None:
    customer = host.Customer()
    session.add(customer)
    session.commit()
    ticket = Ticket(root=customer, view_model=host.Customer.assign_number)
    session.add(ticket)
    session.commit()
    assert saves == ["INSERT"]
    assert ticket.root is customer
    assert (ticket.root_id, ticket.root_label) == (f"Customer!{customer.id}", "customer ACME")
    assert (ticket.turn, ticket.aside, ticket.lane) == (True, None, f"number:Customer!{customer.id}")


def test_an_unsaved_root_of_the_same_flush_costs_exactly_one_more_save(
    host: Any, session: Session, saves: list[str], engine: Engine
) -> None:
    customer = host.Customer()
    ticket = Ticket(root=customer, view_model=host.Customer.assign_number)
    session.add_all([ticket, customer])
    session.commit()
    assert saves == ["INSERT", "UPDATE"]
    name = f"Customer!{customer.id}"
    assert [row[:3] for row in rows(engine)] == [(name, "customer ACME", None)]
    assert (ticket.root_id, ticket.aside, ticket.turn) == (name, None, True)
    session.add(host.Customer())
    session.commit()
    assert len(saves) == 2, "nothing of it is saved a third time"


def test_a_key_set_by_the_client_before_the_flush_costs_no_second_save(
    host: Any, session: Session, saves: list[str]
) -> None:
    document = host.Document(key=uuid4())
    ticket = Ticket(root=document, view_model="Document.print")
    session.add_all([document, ticket])
    session.commit()
    assert saves == ["INSERT"]
    assert ticket.root_id == f"Document!{document.key}"


def test_a_key_that_the_mapping_makes_during_the_flush_is_found(host: Any, session: Session) -> None:
    document = host.Document()
    ticket = Ticket(root=document, view_model="Document.print")
    session.add_all([document, ticket])
    session.commit()
    assert ticket.root_id == f"Document!{document.key}"


def test_a_composite_key_is_quoted_part_by_part(host: Any, session: Session) -> None:
    line = host.Line(order_name="A,8/123 %", position=7)
    ticket = Ticket(root=line, view_model="Line.pick")
    session.add_all([line, ticket])
    session.commit()
    assert ticket.root_id == "Line!A%2C8%2F123 %25,7"


def test_a_subclass_is_named_by_its_nearest_registered_class(host: Any, session: Session) -> None:
    company = host.Company()
    ticket = Ticket(root=company, view_model=host.Customer.ViewModels.TheGreeter)
    session.add_all([company, ticket])
    session.commit()
    assert ticket.root_id == f"Customer!{company.id}"


def test_a_root_saved_inside_a_savepoint_is_named(host: Any, session: Session, engine: Engine) -> None:
    with session.begin_nested():
        customer = host.Customer()
        session.add_all([customer, Ticket(root=customer, view_model=host.Customer.assign_number)])
    session.commit()
    assert [row[0] for row in rows(engine)] == [f"Customer!{customer.id}"]


def test_a_savepoint_rolled_back_takes_its_ticket_along(host: Any, session: Session, engine: Engine) -> None:
    customer = host.Customer()
    session.add(customer)
    with session.begin_nested() as savepoint:
        session.add(Ticket(root=customer, view_model=host.Customer.assign_number))
        session.flush()
        savepoint.rollback()
    session.commit()
    assert rows(engine) == []


def test_after_an_explicit_flush_plain_sql_reads_a_whole_ticket(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add_all([customer, Ticket(root=customer, view_model=host.Customer.assign_number)])
    session.flush()
    root_id, label, aside, turn, queue, lane = session.connection().exec_driver_sql(ROW).one()
    assert (root_id, label, aside) == (f"Customer!{customer.id}", "customer ACME", None)
    assert (bool(turn), queue, lane) == (True, "numbers", f"number:Customer!{customer.id}")


def test_two_tickets_for_one_new_root_are_each_saved_again_once(
    host: Any, session: Session, saves: list[str], engine: Engine
) -> None:
    customer = host.Customer()
    session.add_all(
        [
            customer,
            Ticket(root=customer, view_model=host.Customer.assign_number),
            Ticket(root=customer, view_model=host.Customer.ViewModels.TheGreeter),
        ]
    )
    session.commit()
    assert [row[0] for row in rows(engine)] == [f"Customer!{customer.id}"] * 2
    assert saves.count("UPDATE") == 2


def test_a_root_that_is_never_added_is_a_clear_error_and_nothing_is_stored(
    host: Any, session: Session, engine: Engine
) -> None:
    session.add(Ticket(root=host.Customer(), view_model=host.Customer.assign_number))
    with pytest.raises(RootNotSaved, match=r"Customer.assign_number.*a Customer, is in no session"):
        session.commit()
    session.rollback()
    assert rows(engine) == []


def test_a_root_rolled_back_with_its_savepoint_is_a_clear_error(
    host: Any, session: Session, engine: Engine
) -> None:
    customer = host.Customer()
    with session.begin_nested() as savepoint:
        session.add(customer)
        session.flush()
        savepoint.rollback()
    assert customer.id is not None, "the key that was rolled back is still on the object"
    session.add(Ticket(root=customer, view_model=host.Customer.assign_number))
    with pytest.raises(RootNotSaved, match="rolled back"):
        session.commit()
    session.rollback()
    assert rows(engine) == []


def test_a_root_deleted_in_the_same_transaction_is_a_clear_error(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    session.commit()
    session.delete(customer)
    session.add(Ticket(root=customer, view_model=host.Customer.assign_number))
    with pytest.raises(RootNotSaved, match="deleted in this transaction"):
        session.flush()


def test_a_root_of_an_earlier_session_keeps_its_name(host: Any, engine: Engine, session: Session) -> None:
    with Session(engine) as other:
        customer = host.Customer()
        other.add(customer)
        other.commit()
        (key,) = inspect(customer).identity
    ticket = Ticket(root=customer, view_model="Customer.elsewhere")
    session.add(ticket)
    session.commit()
    # Its label would need columns that expired with that session; a missing label stops nobody.
    assert (ticket.root_id, ticket.root_label) == (f"Customer!{key}", None)


def test_bulk_save_objects_is_refused(host: Any, session: Session, engine: Engine) -> None:
    with pytest.raises(Exception, match=r"session.add") as caught:
        session.bulk_save_objects([Ticket(view_model="Mail.send")])
    assert isinstance(caught.value, MustBeFlushed) or isinstance(caught.value.__cause__, MustBeFlushed)
    session.rollback()
    assert rows(engine) == []


def test_a_root_in_another_database_is_refused(host: Any, engine: Engine, tmp_path: Any) -> None:
    elsewhere = create_engine(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    host.Base.metadata.create_all(elsewhere)
    with Session(binds={host.Base: elsewhere, Ticket: engine}) as session:
        customer = host.Customer()
        session.add_all([customer, Ticket(root=customer, view_model=host.Customer.assign_number)])
        with pytest.raises(RootElsewhere, match=r"elsewhere\.sqlite3"):
            session.flush()
        session.rollback()
    elsewhere.dispose()
    assert rows(engine) == []


def test_a_savepoint_on_a_sqlite_engine_that_was_not_prepared_is_refused(sqlite_url: str) -> None:
    bare = create_engine(sqlite_url)
    with Session(bare) as session:
        session.begin_nested()
        session.add(Ticket(view_model="Mail.send"))
        with pytest.raises(EngineNotPrepared, match=r"counterfoil.sqlite.prepare"):
            session.flush()
        session.rollback()
    bare.dispose()


def test_a_ticket_that_a_hosts_own_before_flush_adds_is_saved_like_any(
    host: Any, session: Session, engine: Engine
) -> None:
    customer = host.Customer()

    @event.listens_for(session, "before_flush", once=True)
    def _(session: Session, *more: Any) -> None:
        session.add(Ticket(root=customer, view_model=host.Customer.assign_number))

    session.add(customer)
    session.commit()
    ((root_id, label, aside, turn, *_),) = rows(engine)
    assert (root_id, label, aside) == (f"Customer!{customer.id}", "customer ACME", None)
    assert bool(turn)


def test_a_root_that_is_new_in_another_session_is_refused(
    host: Any, session: Session, engine: Engine
) -> None:
    with Session(engine) as other:
        customer = host.Customer()
        other.add(customer)
        session.add(Ticket(root=customer, view_model=host.Customer.assign_number))
        with pytest.raises(RootNotSaved, match="new in another session"):
            session.flush()


def test_a_ticket_that_was_rolled_back_cannot_be_added_again(host: Any, session: Session) -> None:
    ticket = Ticket(view_model=host.send)
    session.add(ticket)
    session.flush()
    session.rollback()
    session.add(ticket)
    with pytest.raises(TicketRolledBack, match="open a new one"):
        session.flush()


def test_a_session_joined_to_an_outer_transaction_commits_nothing_by_itself(
    host: Any, engine: Engine
) -> None:
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            customer = host.Customer()
            session.add_all([customer, Ticket(root=customer, view_model=host.Customer.assign_number)])
            session.commit()
            assert session.query(Ticket).one().root_id == f"Customer!{customer.id}"
        outer.rollback()
    assert rows(engine) == []


def test_a_root_of_another_flask_bind_is_refused(database_url: str, tmp_path: Any) -> None:
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config["SQLALCHEMY_BINDS"] = {"archive": f"sqlite:///{tmp_path / 'archive.sqlite3'}"}
    db = SQLAlchemy(app)

    class Paper(db.Model):  # type: ignore[name-defined]
        __bind_key__ = "archive"
        id = mapped_column(db.Integer, primary_key=True)

    tickets = Counterfoil(app, db)
    with app.app_context():
        db.create_all()
        paper = Paper()
        db.session.add_all([paper, Ticket(root=paper, view_model="Paper.shred")])
        with pytest.raises(RootElsewhere, match=r"archive\.sqlite3"):
            db.session.commit()
        db.session.remove()
    for engine in tickets.engines:
        engine.dispose()


def test_flask_sqlalchemys_session_takes_tickets_as_it_is(database_url: str) -> None:
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db = SQLAlchemy()
    with registry.scoped():

        class Customer(db.Model):  # type: ignore[name-defined]
            id = mapped_column(db.Integer, primary_key=True)

        with pytest.raises(HostError, match=r"after db.init_app"):
            Counterfoil(app, db)
        db.init_app(app)
        tickets = Counterfoil(app, db)
        assert app.extensions["counterfoil"].engine is tickets.engine
        with app.app_context():
            db.create_all()
            customer = Customer()
            db.session.add_all([customer, Ticket(root=customer, view_model="Customer.assign_number")])
            with db.session.begin_nested():
                db.session.add(Ticket(root=customer, view_model="Customer.greet"))
            db.session.commit()
            key = customer.id
            assert sqlite.is_prepared(db.engine)
        with tickets.session_scope() as session:
            assert {ticket.root_id for ticket in session.query(Ticket)} == {f"Customer!{key}"}
            assert tickets.current_session() is session
        for engine in tickets.engines:
            engine.dispose()
