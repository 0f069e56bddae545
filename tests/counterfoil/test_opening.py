"""Opening a ticket in the caller's transaction, with its options (O1, O4 to O6, O10, O15 to O18, O23)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from counterfoil import Ticket, catalogue, free_token, open_ticket, target
from counterfoil.columns import EVIDENCE, NaiveTime
from counterfoil.declaration import ParamsDoNotFit, RegistryError
from counterfoil.immutable import TicketIsImmutable
from counterfoil.inline import run_pending
from counterfoil.options import WrongOption, current_ticket
from counterfoil.params import decode
from counterfoil.priority import UnknownPriority
from counterfoil.purge import purge
from counterfoil.registry import registry
from tests.counterfoil.firm import firm


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


def tickets(engine: Engine) -> list[Ticket]:
    with Session(engine, expire_on_commit=False) as session:
        return list(session.scalars(select(Ticket).order_by(Ticket.id)))


def opened(session: Session, view_model: Any, **options: Any) -> Ticket:
    ticket = open_ticket(session, view_model, **options)
    session.commit()
    return ticket


def test_a_ticket_exists_if_and_only_if_the_transaction_commits(
    host: Any, session: Session, engine: Engine
) -> None:
    session.add(Ticket(view_model=host.send))
    session.flush()
    assert tickets(engine) == []
    session.rollback()
    assert tickets(engine) == []
    session.add(Ticket(view_model=host.send))
    session.commit()
    assert len(tickets(engine)) == 1


def test_what_is_left_out_is_the_view_models(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    ticket = opened(session, host.Customer.ViewModels.TheGreeter, root=customer)
    assert (ticket.view_model, ticket.queue, ticket.priority) == ("TheGreeter", "default", 5)
    assert (ticket.keep_receipt_minutes, ticket.max_attempts, ticket.in_charge) == (3, 2, "ada")
    assert (ticket.state, ticket.turn, ticket.aside, ticket.kept) == ("pending", True, None, None)
    assert (ticket.opened_via, ticket.moves, ticket.attempts) == ("orm", 0, 0)
    assert ticket.due_at == ticket.opened_at


def test_what_is_given_wins(host: Any, session: Session) -> None:
    ticket = opened(
        session,
        host.send,
        keep_receipt_minutes=0,
        keep=True,
        queue="fast",
        priority="urgent",
        lane="mail",
        max_attempts=9,
        opened_by="ada",
        in_charge="bob",
    )
    assert (ticket.keep_receipt_minutes, ticket.kept) == (0, EVIDENCE)
    assert (ticket.queue, ticket.priority, ticket.lane) == ("fast", 1, "mail")
    assert (ticket.max_attempts, ticket.opened_by, ticket.in_charge) == (9, "ada", "bob")


def test_evidence_can_be_read_in_every_time_zone_of_a_session(host: Any, session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET TIME ZONE 'Pacific/Kiritimati'"))  # 14 hours ahead: already tomorrow
    ticket = opened(session, host.send, keep=True)
    assert ticket.kept == EVIDENCE
    assert ticket.kept.astimezone(ZoneInfo("Pacific/Kiritimati")).year == 9999


def test_params_by_name_and_in_the_long_form_meet(host: Any, session: Session) -> None:
    ticket = opened(session, "Elsewhere.send", params={"queue": "a param of this name"}, to="ada")
    assert decode(ticket.params) == {"queue": "a param of this name", "to": "ada"}
    with pytest.raises(WrongOption, match="'to' is given by name and in params"):
        open_ticket(session, host.send, params={"to": "x"}, to="y")


def test_a_delay_counts_from_the_databases_now(host: Any, session: Session) -> None:
    ticket = opened(session, host.send, execute_earliest=timedelta(minutes=5), expires_at=timedelta(hours=1))
    assert ticket.execute_earliest is not None
    assert ticket.expires_at is not None
    # One statement reads the clock once for each column, in an order of its own.
    same = timedelta(seconds=5)
    assert abs(ticket.execute_earliest - ticket.opened_at - timedelta(minutes=5)) < same
    assert abs(ticket.expires_at - ticket.opened_at - timedelta(hours=1)) < same
    assert ticket.due_at == ticket.execute_earliest
    # One compiled statement serves every delay.
    other = opened(session, host.send, execute_earliest=timedelta(days=-1), expires_at=timedelta(hours=2))
    assert other.execute_earliest is not None
    assert abs(other.opened_at - timedelta(days=1) - other.execute_earliest) < same


def test_a_time_of_any_zone_is_stored_as_the_instant(host: Any, session: Session) -> None:
    at = datetime.fromisoformat("2030-06-01T12:00:00+05:30")
    ticket = opened(session, host.send, execute_earliest=at)
    assert ticket.execute_earliest == at
    assert str(ticket.due_at) == "2030-06-01 06:30:00+00:00"


def test_a_staged_ticket_is_held_until_it_is_released(host: Any, session: Session) -> None:
    ticket = opened(session, host.send, staged=True)
    assert (ticket.state, ticket.turn, ticket.aside, ticket.queue) == ("held", False, None, "default")


def test_a_staged_ticket_for_a_new_root_is_held(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    ticket = opened(session, host.Customer.assign_number, root=customer, staged=True)
    assert (ticket.state, ticket.turn, ticket.aside) == ("held", False, None)
    assert ticket.root_id == f"Customer!{customer.id}"


def test_priority_is_explicit_or_inherited_or_the_view_models(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    assert opened(session, host.Customer.assign_number, root=customer).priority == 3
    running = current_ticket.set(SimpleNamespace(id=77, priority=9, batch_id=None, opened_by=None))
    try:
        inherited = opened(session, host.Customer.assign_number, root=customer)
        assert (inherited.priority, inherited.parent_id) == (9, 77)
        assert opened(session, host.send, priority="low").priority == 7
    finally:
        current_ticket.reset(running)


def test_an_unknown_view_model_waits_aside(host: Any, session: Session) -> None:
    ticket = opened(session, "Elsewhere.send")
    assert (ticket.state, ticket.turn, ticket.aside) == ("pending", False, "unknown")
    assert ticket.aside_since is not None


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"execute_earliest": datetime.fromisoformat("2026-01-01")}, NaiveTime, "no time zone"),
        ({"expires_at": datetime.fromisoformat("2026-01-01")}, NaiveTime, "no time zone"),
        ({"execute_earliest": 5}, WrongOption, "execute_earliest must be an aware datetime or a timedelta"),
        ({"execute_earliest": timedelta.max}, WrongOption, "years 1 to 9999"),
        ({"expires_at": timedelta(days=8000 * 366)}, WrongOption, "years 1 to 9999"),
        ({"keep_receipt_minutes": -1}, WrongOption, "keep_receipt_minutes must be 0 to"),
        ({"keep_receipt_minutes": 1.5}, WrongOption, "whole number"),
        ({"keep_receipt_minutes": True}, WrongOption, "whole number"),
        ({"keep_receipt_minutes": 10**12}, WrongOption, "keep=True keeps it for ever"),
        ({"max_attempts": 0}, WrongOption, "max_attempts must be 1 to 1000"),
        ({"priority": "hihg"}, UnknownPriority, "unknown priority 'hihg'"),
        ({"priority": 2}, UnknownPriority, "urgent"),
        ({"queue": ""}, WrongOption, "queue '' cannot be a queue's name: 1 to 100 letters"),
        ({"queue": 7}, WrongOption, "queue 7 cannot be"),
        ({"queue": "a\nb"}, WrongOption, "cannot be a queue's name"),
        ({"opened_by": "a\nb"}, WrongOption, "cannot be shown"),
        ({"opened_by": " "}, WrongOption, "1 to 200"),
        ({"lane": "customer:{root_id}"}, WrongOption, "taken literally"),
        ({"idempotence_token": "x" * 201}, WrongOption, "1 to 200"),
        ({"root": 42}, ValueError, "mapped class"),
        ({"params": [1]}, ValueError, "dict of keyword arguments"),
        ({"view_model": None}, WrongOption, "needs view_model"),
        ({"view_model": print}, RegistryError, "is no view model"),
        ({"params": {"from_": 1}}, ParamsDoNotFit, "from_"),
        (
            {"pirority": "high"},
            TypeError,
            "no option 'pirority'; the options are batch, elements, encrypted",
        ),
        ({"state": "done"}, TypeError, "'state' is no option of opening"),
    ],
)
def test_nonsense_is_refused_at_the_callers_line(
    host: Any, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        Ticket(**{"view_model": host.send} | options)


def test_a_view_model_cannot_be_declared_in_a_queue_that_no_worker_can_serve(host: Any) -> None:
    with pytest.raises(RegistryError, match=r"T\.work: timeout_seconds must be a whole number, not '5'"):
        target("T.work", timeout_seconds="5")(lambda: None)
    with pytest.raises(RegistryError, match=r"T\.work: queue 'a#b' cannot be a queue's name"):
        target("T.work", queue="a#b")(lambda: None)


def test_a_rooted_view_model_wants_a_root_of_its_class(host: Any) -> None:
    with pytest.raises(WrongOption, match="is about a Customer: give root="):
        Ticket(view_model=host.Customer.assign_number)
    with pytest.raises(WrongOption, match="the root given is a Document"):
        Ticket(view_model=host.Customer.assign_number, root=host.Document())


def test_a_typo_in_a_constant_fails_in_code(host: Any) -> None:
    with pytest.raises(AttributeError):
        _ = host.Customer.ViewModels.TheGreter


def test_every_column_of_an_opened_ticket_is_immutable(host: Any, session: Session) -> None:
    ticket = opened(session, host.send)
    for column in [column.name for column in Ticket.__table__.columns]:
        with pytest.raises(TicketIsImmutable, match=f"ticket {ticket.id}: {column} cannot be set"):
            setattr(ticket, column, "other")
    with pytest.raises(AttributeError):
        ticket.root = object()  # type: ignore[misc]
    assert not session.dirty


def test_merging_what_is_there_already_changes_nothing(host: Any, session: Session, engine: Engine) -> None:
    opened(session, host.send)
    (elsewhere,) = tickets(engine)
    assert session.merge(elsewhere).id == elsewhere.id
    session.commit()


def test_an_idempotence_token_opens_one_ticket(host: Any, session: Session, engine: Engine) -> None:
    first = open_ticket(session, host.send, to="ada", idempotence_token="order 7")
    again = open_ticket(session, host.send, to="bob", idempotence_token="order 7")
    other = open_ticket(session, "Elsewhere.send", idempotence_token="order 7")
    assert first is again
    assert other is not first
    assert repr(first).startswith(f"<Ticket {first.id} Mail.send")
    session.commit()
    with Session(engine) as later:
        assert open_ticket(later, host.send, idempotence_token="order 7").id == first.id
        later.commit()
    assert (first.opened_via, first.queue, decode(first.params)) == ("orm", "default", {"to": "ada"})
    assert len(tickets(engine)) == 2


def test_a_token_is_free_again_when_its_ticket_expired(host: Any, session: Session, engine: Engine) -> None:
    first = open_ticket(session, host.send, idempotence_token="order 7")
    session.commit()
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_tickets SET state = 'expired', turn = false"))
    second = open_ticket(session, host.send, idempotence_token="order 7")
    session.commit()
    assert second.id != first.id


def test_a_token_is_freed_on_demand_when_its_ticket_has_ended(
    host: Any, session: Session, engine: Engine
) -> None:
    first = open_ticket(session, host.send, idempotence_token="order 7")
    session.commit()
    assert not free_token(session, host.send, "order 7"), "it may still run"
    assert not free_token(session, host.send, "order 8"), "nobody holds it"
    run_pending(session)
    session.commit()
    assert open_ticket(session, host.send, idempotence_token="order 7").id == first.id
    assert free_token(session, host.send, "order 7")
    assert open_ticket(session, host.send, idempotence_token="order 7").id != first.id
    session.commit()
    told = session.execute(text("SELECT verb, via, ticket_id, actor FROM counterfoil_trail")).one()
    assert tuple(told) == ("free-token", "orm", first.id, "the application")


def test_a_receipt_stays_for_its_minutes_or_until_the_next_purge_or_for_ever(
    host: Any, session: Session
) -> None:
    usual = Ticket(view_model=host.send)
    short = Ticket(view_model=host.send, keep_receipt_minutes=0)
    ever = Ticket(view_model=host.send, keep_receipt_minutes=0, keep=True)
    session.add_all([usual, short, ever])
    session.flush()
    assert [ran.verb for ran in run_pending(session)] == ["finish"] * 3
    session.commit()
    assert _stays(usual) == timedelta(minutes=10), "null is the view model's, else 10"
    assert _stays(short) == timedelta(0)
    assert purge(session.connection()) == 1
    assert session.scalars(select(Ticket.id).order_by(Ticket.id)).all() == [usual.id, ever.id]


def _stays(ticket: Ticket) -> timedelta:
    """How long its receipt stays, in whole seconds: each stamp of a statement reads the wall clock anew."""
    assert ticket.done is not None
    assert ticket.delete_time is not None
    return timedelta(seconds=round((ticket.delete_time - ticket.done).total_seconds()))


def test_a_token_and_a_new_root_go_together(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    ticket = open_ticket(session, host.Customer.assign_number, root=customer, idempotence_token="1")
    session.commit()
    assert ticket.root_id == f"Customer!{customer.id}"
    assert (ticket.root_label, ticket.turn) == ("customer ACME", True)


@pytest.mark.parametrize("first_commits", [True, False])
def test_of_two_concurrent_openers_one_waits_for_the_others_end(
    host: Any, engine: Engine, first_commits: bool
) -> None:
    found: list[int] = []
    begun, ended = Event(), Event()

    def second() -> None:
        with Session(engine) as session:
            begun.set()
            found.append(open_ticket(session, host.send, idempotence_token="t").id)
            ended.set()
            session.commit()

    with Session(engine) as session:
        first = open_ticket(session, host.send, idempotence_token="t").id
        thread = Thread(target=second)
        thread.start()
        assert begun.wait(60)
        assert not ended.wait(0.3), "the second one must wait"
        session.commit() if first_commits else session.rollback()
    thread.join(60)
    rows = [ticket.id for ticket in tickets(engine)]
    assert found == rows
    assert (rows == [first]) is first_commits or engine.dialect.name == "sqlite"


def test_many_tickets_in_one_flush_are_all_read_back(host: Any, session: Session) -> None:
    many = [Ticket(view_model=host.send, params={"to": str(n)}) for n in range(1200)]
    session.add_all(many)
    session.flush()
    assert {ticket.queue for ticket in many} == {"default"}
    assert all(ticket.turn for ticket in many)


def test_a_view_model_registered_under_a_former_name_is_known_by_both(host: Any, session: Session) -> None:
    customer = host.Customer()
    session.add(customer)
    ticket = opened(session, "Customer.number", root=customer)
    assert (ticket.view_model, ticket.queue, ticket.aside) == ("Customer.number", "numbers", None)


def test_writing_the_catalogue_again_keeps_an_operators_route_and_pause(host: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE counterfoil_view_models "
                "SET route = 'slow', paused = true, priority = 9, known_until = NULL"
            )
        )
        catalogue.write(connection, registry, "2")
        rows = connection.execute(
            text(
                "SELECT name, route, paused, priority, app_version, known_until FROM counterfoil_view_models"
            )
        ).all()
    assert {row.name for row in rows} == {
        "Customer.assign_number", "Customer.number", "TheGreeter", "Mail.send"
    }  # fmt: skip
    assert all((row.route, bool(row.paused), row.app_version) == ("slow", True, "2") for row in rows)
    assert {row.name: row.priority for row in rows}["Customer.assign_number"] == 3
    assert all(row.known_until is not None for row in rows)


def test_queues_and_root_classes_are_named_by_the_catalogue(host: Any, engine: Engine) -> None:
    with engine.connect() as connection:
        queues = connection.scalars(text("SELECT name FROM counterfoil_queues ORDER BY 1")).all()
        roots = connection.execute(text("SELECT name, link FROM counterfoil_root_classes")).all()
    assert queues == ["default", "numbers"]
    assert [tuple(row) for row in roots] == [("Customer", "https://firm.example/customers/{key}")]


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_host_of_any_isolation_level_opens_tickets(postgresql_url: str, isolation: str) -> None:
    engine = create_engine(postgresql_url, isolation_level=isolation)
    with firm(engine) as host, Session(engine) as session:
        customer = host.Customer()
        session.add(customer)
        with session.begin_nested():
            ticket = Ticket(root=customer, view_model=host.Customer.assign_number)
            session.add(ticket)
        once = open_ticket(session, host.send, idempotence_token="7")
        assert open_ticket(session, host.send, idempotence_token="7") is once
        session.commit()
        assert (ticket.root_id, ticket.turn) == (f"Customer!{customer.id}", True)
    engine.dispose()
