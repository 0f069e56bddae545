"""Offers that are worth nothing after their end."""

from datetime import timedelta

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from counterfoil import Ticket, method, root

from .customers import Customer
from .db import Model, db
from .mail import send_mail
from .settings import settings
from .users import current_user


@root(label=lambda offer: f"offer {offer.article} to {offer.customer.name}", link=f"{settings().shop_url}/")
class Offer(Model):
    """An article at a special price, for a while."""

    __tablename__ = "offers"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    article: Mapped[str]
    sent: Mapped[bool] = mapped_column(default=False)
    customer: Mapped[Customer] = relationship()

    @method(priority="low")
    def send(self) -> str:
        """Write to the customer. Never after the end: the ticket expires then."""
        subject = f"{self.article} at half the price"
        send_mail(self.customer.email, subject, f"Dear {self.customer.name}, be quick.")
        self.sent = True
        return f"sent to {self.customer.email}"


def make_offer(customer: Customer, article: str, starts_in: timedelta, ends_in: timedelta) -> Offer:
    """An offer that goes out when the sale starts, if that is before it ends; the caller commits."""
    offer = Offer(customer=customer, article=article)
    db.session.add(offer)
    db.session.add(
        Ticket(
            root=offer,
            view_model=Offer.send,
            execute_earliest=starts_in,
            expires_at=ends_in,
            opened_by=current_user(),
        )
    )
    return offer
