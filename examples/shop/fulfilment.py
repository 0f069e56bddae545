"""Shipping an order: a call to another service, made only when the order is committed."""

from datetime import timedelta

from counterfoil import Fail, RunningTicket, Ticket, target

from .client import OrderClient, OrderRejected
from .db import db
from .orders import FIRST_NUMBER, Order
from .settings import settings

REVIEW_AFTER = timedelta(days=3)


@target(
    "OrderClient.fulfill", queue="fulfilment", max_attempts=settings().fulfil_attempts, timeout_seconds=60
)
def fulfill(ticket: RunningTicket, *, customer_token: str, order_number: int) -> str:
    """Have the service ship the order; then print the label, and ask for a review in three days.

    What is written here is stored exactly once. The call may be made again after a crash: its idempotency key
    stays the same over all attempts, so that the service ships one parcel.
    """
    order = db.session.get_one(Order, order_number - FIRST_NUMBER)
    # Nothing is written before the call: a transaction kept open would make others wait for the service.
    try:
        shipment = OrderClient().fulfill(
            ticket.idempotency_key,
            {
                "order": order.code,
                "customer": customer_token,
                "article": order.article,
                "quantity": order.quantity,
                "country": order.country,
            },
        )
    except OrderRejected as rejected:
        raise Fail(f"the service will not ship {order.code}: {rejected}") from None
    ticket.log(f"{order.code} is shipment {shipment}")
    order.shipment, order.status = shipment, "shipped"
    db.session.add(Ticket(root=order, view_model=Order.print_label))
    db.session.add(Ticket(root=order, view_model=Order.ask_for_review, execute_earliest=REVIEW_AFTER))
    return f"shipment {shipment}"
