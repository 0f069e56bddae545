"""The shop's stories, tested as a customer would test them: inline, in transactions that are rolled back."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from counterfoil import Batch, Ticket, aside, catalogue, pauses
from counterfoil.acts import Actor
from counterfoil.registry import registry
from counterfoil.testing import Inline, assert_opened
from examples.shop import forms, moving, offers, selling, switches, till
from examples.shop.client import OrderClient, call
from examples.shop.customers import Customer
from examples.shop.forms import CardForm
from examples.shop.fulfilment import fulfill
from examples.shop.invoices import Invoice, invoice_run, print_invoices
from examples.shop.mail import Mail
from examples.shop.offers import Offer
from examples.shop.orders import Order
from examples.shop.poison import poison


def add_customer(name: str = "Ada Lovelace Ltd", *, by_method: bool = False) -> Customer:
    return selling.add_customer(name, "ada@lovelace.example", "DE", by_method=by_method)


def place_order(article: str = "Slide rule", country: str = "DE") -> Order:
    return selling.place_order(add_customer(), article, country=country)


def shipping(session: Session, order: Order) -> Ticket:
    """The ticket of an order's shipping."""
    (ticket,) = assert_opened(session, root=order, view_model=fulfill)
    return ticket


def subjects(session: Session) -> list[str]:
    return list(session.scalars(select(Mail.subject).order_by(Mail.id)))


@pytest.mark.parametrize("by_method", [False, True])
def test_customers_get_numbers_without_a_gap(
    session: Session, counterfoil_inline: Inline, by_method: bool
) -> None:
    customers = [add_customer(f"Customer {n}", by_method=by_method) for n in range(5)]
    assert_opened(session, count=5)
    assert [customer.number for customer in customers] == [None] * 5
    counterfoil_inline.run_pending()
    assert [customer.number for customer in customers] == [1, 2, 3, 4, 5]
    assert subjects(session) == ([] if by_method else ["Welcome"] * 5)


def test_a_customer_who_has_a_number_keeps_it(session: Session, counterfoil_inline: Inline) -> None:
    customer = add_customer()
    session.add(Ticket(root=customer, view_model=Customer.assign_number))
    counterfoil_inline.run_pending()
    first, second = assert_opened(session, root=customer)
    assert (customer.number, first.receipt) == (1, "number 1, told to ada@lovelace.example")
    assert (second.state, second.receipt) == ("done", "precondition not met")


def test_the_old_till_writes_plain_sql_and_its_customer_gets_a_number(
    session: Session, counterfoil_inline: Inline
) -> None:
    key = till.add_customer_by_sql("Babbage & Sons", "b@sons.example", "FR")
    counterfoil_inline.run_pending()
    assert session.get_one(Customer, key).number == 1


def test_a_customer_that_does_not_exist_is_an_error_at_once(
    session: Session, counterfoil_inline: Inline
) -> None:
    till.ask_for_a_number("Customer!99")
    (ran,) = counterfoil_inline.run_pending()
    assert (ran.verb, "Customer!99" in str(ran.error)) == ("error", True)


@pytest.mark.usefixtures("service")
def test_an_order_is_shipped_then_labelled_and_a_review_is_asked_for_later(
    session: Session, counterfoil_inline: Inline
) -> None:
    order = place_order()
    counterfoil_inline.run_pending()
    assert (order.status, order.shipment) == ("labelled", "S-000001")
    assert shipping(session, order).receipt == "shipment S-000001"
    (received,) = OrderClient().received()
    assert (received["order"], received["status"]) == (order.code, 200)
    (review,) = assert_opened(session, root=order, view_model=Order.ask_for_review)
    assert review.state == "pending"
    assert review.due_at - review.opened_at > timedelta(days=2)


@pytest.mark.usefixtures("service")
def test_a_rollback_sends_nothing(session: Session, counterfoil_inline: Inline) -> None:
    place_order()
    session.flush()
    session.rollback()
    assert counterfoil_inline.run_pending() == []
    assert OrderClient().received() == []


def test_an_order_waits_for_another_attempt_while_the_service_is_away(
    session: Session, counterfoil_inline: Inline, service: str
) -> None:
    call(service, {"weather": "503"})
    order = place_order()
    counterfoil_inline.run_pending()
    ticket = shipping(session, order)
    assert (order.status, ticket.state, ticket.attempts) == ("placed", "pending", 1)
    assert "503 Service Unavailable: down for maintenance" in str(ticket.error)


@pytest.mark.usefixtures("service")
def test_an_order_that_the_service_rejects_fails_whatever_attempts_are_left(
    session: Session, counterfoil_inline: Inline
) -> None:
    order = place_order("Fireworks")
    counterfoil_inline.run_pending()
    ticket = shipping(session, order)
    assert (ticket.state, ticket.attempts) == ("failed", 1)
    assert f"will not ship {order.code}: Fireworks may not be shipped" in str(ticket.error)


@pytest.mark.usefixtures("service")
def test_labels_are_postponed_while_the_printer_is_away(session: Session, counterfoil_inline: Inline) -> None:
    switches.turn(switches.PRINTER_AWAY, True)
    order = place_order()
    counterfoil_inline.run_pending()
    (label,) = assert_opened(session, root=order, view_model=Order.print_label)
    assert (label.state, label.attempts, label.error) == ("pending", 0, None)
    assert label.postponed_reason == "the label printer is away"
    assert order.status == "shipped"


@pytest.mark.usefixtures("service")
def test_a_reserved_order_is_held_and_shipped_when_it_is_paid(
    session: Session, counterfoil_inline: Inline
) -> None:
    order = selling.reserve_order(add_customer(), "Abacus")
    counterfoil_inline.run_pending()
    assert (shipping(session, order).state, order.status) == ("held", "unpaid")
    assert selling.pay(order)
    assert not selling.pay(order)
    counterfoil_inline.run_pending()
    assert (shipping(session, order).state, order.status) == ("done", "labelled")


def test_a_form_is_completed_by_one_ticket(session: Session, counterfoil_inline: Inline) -> None:
    form = forms.submit("Grace Hopper", "en", "grace@hopper.example")
    assert_opened(session, root=form, view_model=CardForm.ViewModels.TheFormCompleter, count=1)
    assert (form.name, form.language, form.ready) == ("Grace Hopper", "en", False)
    counterfoil_inline.run_pending()
    assert (form.credit_limit, form.card_number, form.ready) == (400, "4711-0001", True)
    assert subjects(session) == ["Your card"]


def test_a_mail_that_nobody_gets_leaves_nothing_of_the_form_half_done(
    session: Session, counterfoil_inline: Inline
) -> None:
    form = forms.submit("Grace Hopper", "en", "grace@hoper.invalid")
    counterfoil_inline.run_pending()
    (ticket,) = assert_opened(session, root=form)
    assert "550 5.1.1 <grace@hoper.invalid>: no such mailbox" in str(ticket.error)
    assert (form.credit_limit, form.card_number, form.ready) == (None, None, False)


def test_an_offer_is_not_sent_after_its_end(session: Session, counterfoil_inline: Inline) -> None:
    over = offers.make_offer(add_customer(), "Abacus", timedelta(0), timedelta(0))
    in_time = offers.make_offer(add_customer(), "Abacus", timedelta(0), timedelta(hours=1))
    counterfoil_inline.run_pending()
    assert (over.sent, in_time.sent) == (False, True)
    (ticket,) = assert_opened(session, root=over, view_model=Offer.send)
    assert ticket.state == "expired"


def test_poison_may_be_ordered_and_may_be_tried_twice(session: Session) -> None:
    session.add(Ticket(view_model=poison))
    assert_opened(session, view_model=poison, count=1)


def test_a_move_changes_the_address_at_once_and_the_rest_by_tickets(
    session: Session, counterfoil_inline: Inline
) -> None:
    customer = add_customer()
    move = moving.move_house(customer, "1 Rue Pascal", "FR")
    assert (customer.country, move.zone, move.customs_file) == ("FR", None, None)
    opened = [ticket.view_model for ticket in assert_opened(session, root=move, count=3)]
    assert opened == ["TheCustomsClerk", "TheMoveConfirmer", "TheNeighbourFinder"]
    counterfoil_inline.run_pending()
    assert (move.zone, move.customs_file) == ("abroad", f"C-{move.id:05d}")
    assert "Your new address" in subjects(session)
    (tomorrow,) = assert_opened(session, root=move, view_model="TheNeighbourFinder")
    assert (tomorrow.state, tomorrow.priority) == ("pending", 7)
    assert tomorrow.due_at > tomorrow.opened_at


def test_a_move_within_the_country_needs_no_customs(session: Session) -> None:
    move = moving.move_house(add_customer(), "1 Leibnizstraße", "DE")
    assert_opened(session, root=move, view_model="TheCustomsClerk", count=0)
    assert_opened(session, root=move, count=2)


def test_a_move_to_where_nothing_is_shipped_leaves_neither_address_nor_tickets(session: Session) -> None:
    customer = add_customer()
    session.flush()
    with pytest.raises(moving.CannotMoveThere, match="Isle of Man"), session.begin_nested():
        moving.move_house(customer, "1 Pier", "Isle of Man")
    assert customer.country == "DE"
    assert_opened(session, view_model="TheMoveConfirmer", count=0)
    assert session.scalars(select(moving.Move)).all() == []


def test_a_hundred_packages_of_invoices_express_first_and_then_the_bookkeeper_hears(
    session: Session, counterfoil_inline: Inline
) -> None:
    run = invoice_run(100)
    session.flush()
    session.expunge_all()  # as in a worker: 200 objects of the test's own would be looked at for each
    ran = counterfoil_inline.run_pending()
    assert [each.view_model for each in ran] == ["InvoicePrinter"] * 100 + ["Month.tell"]
    express = select(func.count()).where(Ticket.id.in_([each.ticket_id for each in ran[:4]]))
    assert session.scalar(express.where(Ticket.priority == 3)) == 4
    assert session.scalar(select(func.sum(Invoice.printed))) == 200
    assert session.scalar(select(Batch.closed_at).where(Batch.id == run.id)) is not None
    assert subjects(session) == ["200 invoices are out"]


def test_packages_wait_for_the_printer_without_an_attempt(
    session: Session, counterfoil_inline: Inline
) -> None:
    switches.turn(switches.PRINTER_AWAY, True)
    invoice_run(3)
    assert [each.verb for each in counterfoil_inline.run_pending()] == ["postpone"] * 3
    for ticket in assert_opened(session, view_model=print_invoices, count=3):
        assert (ticket.state, ticket.attempts, ticket.error) == ("pending", 0, None)
        assert ticket.postponed_reason == "the printer is away"


def test_packages_of_a_paused_processor_wait_aside_while_the_shop_goes_on(
    session: Session, counterfoil_inline: Inline
) -> None:
    connection, otto = session.connection(), Actor("otto", "console")
    catalogue.write(connection, registry)
    pauses.pause_view_model(connection, "InvoicePrinter", otto, "the toner is changed")
    invoice_run(3)
    customer = add_customer()
    session.flush()
    aside.set_aside(connection)  # as the scheduler does at its beat
    assert [each.view_model for each in counterfoil_inline.run_pending()] == ["TheCustomerNumberAssigner"]
    assert customer.number == 1
    pauses.resume_view_model(connection, "InvoicePrinter", otto)
    assert [each.verb for each in counterfoil_inline.run_pending()] == ["finish"] * 4
