"""What the home page shows: the latest of everything, read and never written."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from counterfoil import Ticket

from ..customers import Customer
from ..db import Model, db
from ..forms import CardForm
from ..invoices import Invoice
from ..mail import Mail
from ..orders import Order

LATEST = 8
COUNTED: dict[str, type[Model]] = {"customers": Customer, "orders": Order, "forms": CardForm, "mails": Mail}


@dataclass(frozen=True)
class OrderLine:
    """An order and how its shipping stands, by its own status and by its ticket."""

    order: Order
    state: str | None
    error: str | None

    @property
    def status(self) -> str:
        """The word for a customer."""
        if self.order.status in ("shipped", "labelled"):
            return self.order.status
        words = {"failed": "rejected", "expired": "not paid in time", "errored": "stuck", "held": "unpaid"}
        return words.get(self.state or "", "being shipped")


def state_of(ticket_id: int | None) -> tuple[str | None, str | None]:
    """State and error of a ticket; nothing when its receipt has left."""
    found = db.session.execute(select(Ticket.state, Ticket.error).where(Ticket.id == ticket_id)).one_or_none()
    return (found.state, found.error) if found else (None, None)


def latest_orders() -> list[OrderLine]:
    """The latest orders with the state of their tickets; a host may read those like its own rows."""
    rows = db.session.execute(
        select(Order, Ticket.state, Ticket.error)
        .outerjoin(Ticket, Ticket.id == Order.ticket_id)
        .order_by(Order.id.desc())
        .limit(LATEST)
    )
    return [OrderLine(*row) for row in rows]


def latest_customers() -> Sequence[Customer]:
    """The latest customers."""
    return db.session.scalars(select(Customer).order_by(Customer.id.desc()).limit(LATEST)).all()


def latest_forms() -> Sequence[CardForm]:
    """The latest forms."""
    return db.session.scalars(select(CardForm).order_by(CardForm.id.desc()).limit(LATEST)).all()


def latest_mails() -> Sequence[Mail]:
    """The latest mails."""
    return db.session.scalars(select(Mail).order_by(Mail.id.desc()).limit(LATEST)).all()


def counts() -> dict[str, int]:
    """How many there are of what; `labels_waiting` and `invoices_waiting` are heaps before the printer."""
    found = {name: select(func.count()).select_from(table) for name, table in COUNTED.items()}
    found["labels_waiting"] = select(func.count()).where(Order.status == "shipped")
    found["invoices_waiting"] = select(func.count()).where(Invoice.printed == 0)
    return {name: db.session.scalar(query) or 0 for name, query in found.items()}
