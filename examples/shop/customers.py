"""Customers, and the numbers they get: after the sale, one at a time, without gaps."""

from uuid import uuid4

from sqlalchemy.orm import Mapped, mapped_column

from counterfoil import ViewModel, method, root, view_models

from .counters import Counter
from .db import Model
from .mail import send_mail
from .settings import settings


def assign(customer: "Customer") -> str:
    """Give the customer the next number."""
    customer.number = Counter.take("customer")
    return f"number {customer.number}"


def greet(customer: "Customer") -> str:
    """Write to the customer which number it is. Only saved together with the number."""
    send_mail(customer.email, "Welcome", f"Dear {customer.name}, your customer number is {customer.number}.")
    return f"number {customer.number}, told to {customer.email}"


@root(label=lambda customer: customer.label, link=f"{settings().shop_url}/customers/{{key}}")
class Customer(Model):
    """Somebody who buys; known by a number as soon as the ticket has run."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    country: Mapped[str]
    token: Mapped[str] = mapped_column(unique=True, default=lambda: uuid4().hex)
    number: Mapped[int | None] = mapped_column(unique=True)

    @property
    def label(self) -> str:
        """How a person names this customer."""
        return self.name if self.number is None else f"{self.name}, customer {self.number}"

    @method(precondition=lambda customer: customer.number is None, lane="customer-number", queue="numbers")
    def assign_number(self) -> str:
        """The same work as a method: opened twice, it still gives one number."""
        return assign(self)

    class ViewModels(view_models):
        """Work on a customer, by name."""

        TheCustomerNumberAssigner = ViewModel(assign, greet, lane="customer-number", queue="numbers")
