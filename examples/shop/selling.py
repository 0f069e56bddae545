"""What happens at the till: the shop's own rows and the tickets, in one transaction.

Nothing here commits; the page does, once. If it does not, there is no order, no ticket, and no parcel.
"""

from datetime import timedelta

from counterfoil import Ticket, open_ticket, release

from .customers import Customer
from .db import db
from .fulfilment import fulfill
from .orders import Order
from .settings import settings
from .users import current_user


class CardDeclined(Exception):
    """The bank said no, after the order was written and before it was committed."""


def add_customer(name: str, email: str, country: str, *, by_method: bool = False) -> Customer:
    """A customer, and the ticket that gives the number: two rows, one commit."""
    customer = Customer(name=name, email=email, country=country)
    work = Customer.assign_number if by_method else Customer.ViewModels.TheCustomerNumberAssigner
    db.session.add(customer)
    db.session.add(Ticket(root=customer, view_model=work, opened_by=current_user()))
    return customer


def place_order(customer: Customer, article: str, quantity: int = 1, country: str | None = None) -> Order:
    """An order that is shipped as soon as it is committed."""
    return _order(customer, article, quantity, country, pay_within=None)


def reserve_order(
    customer: Customer, article: str, quantity: int = 1, pay_within: timedelta | None = None
) -> Order:
    """An order to be paid: its ticket is held until then, and expires with the reservation."""
    pay_within = pay_within or timedelta(minutes=settings().reservation_minutes)
    return _order(customer, article, quantity, None, pay_within=pay_within)


def pay(order: Order) -> bool:
    """The money is there: release the ticket. False when the order is paid, or its reservation is over."""
    if order.ticket_id is None or not release(db.session, order.ticket_id, expires_at=None):
        return False
    order.status = "placed"
    return True


def _order(
    customer: Customer, article: str, quantity: int, country: str | None, pay_within: timedelta | None
) -> Order:
    order = Order(
        customer=customer,
        article=article,
        quantity=quantity,
        country=country or customer.country,
        status="unpaid" if pay_within else "placed",
    )
    db.session.add(order)
    db.session.flush()  # gives the order its number
    ticket = open_ticket(
        db.session,
        fulfill,
        root=order,  # the console shows what it is about; the work reads its params
        customer_token=customer.token,
        order_number=order.number,
        opened_by=current_user(),
        staged=pay_within is not None,
        expires_at=pay_within,
    )
    db.session.flush()
    order.ticket_id = ticket.id
    return order
