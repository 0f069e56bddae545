"""The month's invoices: a batch of work packages, and a mail to the bookkeeper when the last one is out."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil import Batch, Postpone, RunningTicket, Ticket, open_batch, processor, root, target

from .db import Model, db
from .mail import send_mail
from .switches import PRINTER_AWAY, is_on
from .users import current_user

IN_A_PACKAGE = 2
EVERY_EXPRESS = 25
"""One package in so many is for a customer who pays for being first."""


@root(label=lambda invoice: f"invoice {invoice.id}")
class Invoice(Model):
    """What somebody is to pay; printed once."""

    __tablename__ = "invoices"

    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]
    printed: Mapped[int] = mapped_column(default=0)


@processor("InvoicePrinter", queue="invoices")
def print_invoices(invoices: Sequence[Invoice], ticket: RunningTicket) -> str:
    """Print them all, or none: a printer that went away leaves no half package."""
    for done, invoice in enumerate(invoices, 1):
        if is_on(PRINTER_AWAY):
            raise Postpone(10, "the printer is away")
        invoice.printed += 1
        ticket.progress(done, len(invoices))
    return f"{len(invoices)} printed"


@target("Month.tell")
def tell_the_bookkeeper(*, label: str) -> str:
    """The follow-up: opened once, when every package has ended."""
    send_mail("books@shop.example", f"{label} are out", "Every package has ended.")
    return "told"


def invoice_run(packages: int) -> Batch:
    """Invoices in so many work packages, in one batch; the caller commits."""
    label = f"{packages * IN_A_PACKAGE} invoices"
    run = open_batch(
        db.session,
        label,
        expected=packages,
        follow_up=tell_the_bookkeeper,
        follow_up_params={"label": label},
        opened_by=current_user(),
    )
    for number in range(1, packages + 1):
        invoices = [Invoice(amount=number * 10 + n) for n in range(IN_A_PACKAGE)]
        db.session.add_all(invoices)
        priority = "high" if number % EVERY_EXPRESS == 0 else None
        ticket = Ticket(
            view_model=print_invoices,
            elements=invoices,
            batch=run,
            priority=priority,
            opened_by=current_user(),
        )
        db.session.add(ticket)
    return run


def latest_runs(most: int = 8) -> Sequence[Batch]:
    """The latest invoice runs."""
    return db.session.scalars(select(Batch).order_by(Batch.id.desc()).limit(most)).all()
