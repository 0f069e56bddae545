"""Orders, and what the warehouse does with them."""

import time

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from counterfoil import Postpone, RunningTicket, method, root

from .customers import Customer
from .db import Model
from .mail import send_mail
from .settings import settings
from .switches import PRINTER_AWAY, is_on
from .worker import on_shift

FIRST_NUMBER = 8000


@root(label=lambda order: f"order {order.code}", link=f"{settings().shop_url}/orders/{{key}}")
class Order(Model):
    """What somebody bought. `status`: unpaid, placed, shipped or labelled; the rest is the tickets' story."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    article: Mapped[str]
    quantity: Mapped[int]
    country: Mapped[str]
    status: Mapped[str] = mapped_column(default="placed")
    shipment: Mapped[str | None]
    ticket_id: Mapped[int | None]
    customer: Mapped[Customer] = relationship()

    @property
    def number(self) -> int:
        """What the service calls the order; there from the flush on."""
        return FIRST_NUMBER + self.id

    @property
    def code(self) -> str:
        """What people call the order."""
        return f"A-{self.number}"

    @method(
        precondition=lambda order: order.status == "shipped",
        lane="label-printer",
        queue="printer",
        timeout_seconds=60,
    )
    def print_label(self, ticket: RunningTicket) -> str:
        """Print the parcel's label: slow, on the one printer there is. Its lane keeps the others waiting."""
        if is_on(PRINTER_AWAY):
            raise Postpone(10, "the label printer is away")
        packer, lines = on_shift(self.id), ("address", "customs", "barcode")
        for done, line in enumerate(lines, start=1):
            time.sleep(settings().print_seconds / len(lines))
            ticket.progress(done, len(lines), line)
        ticket.log(f"{packer} packed {self.quantity} x {self.article}")
        self.status = "labelled"
        return f"label {self.shipment}, packed by {packer}"

    @method(keep_receipt_minutes=60)
    def ask_for_review(self) -> str:
        """Days later: how was it?"""
        subject = f"How do you like your {self.article}?"
        send_mail(self.customer.email, subject, f"You bought it as {self.code}.")
        return f"asked {self.customer.email}"
