"""A form with four fields: A and D are stored at once, B and C and an e-mail follow by one ticket.

The page of the form polls `ready`, the shop's own flag: it is set in the transaction of the work.
"""

from sqlalchemy.orm import Mapped, mapped_column

from counterfoil import Ticket, ViewModel, root, view_models

from .counters import Counter
from .db import Model, db
from .mail import send_mail
from .settings import settings
from .users import current_user


def rate(form: "CardForm") -> None:
    """Field B: how much may be bought on credit."""
    form.credit_limit = 100 * (1 + len(form.name) % 9)


def number(form: "CardForm") -> None:
    """Field C: the card's number."""
    form.card_number = f"4711-{Counter.take('card'):04d}"


def confirm(form: "CardForm") -> str:
    """The e-mail, and the flag that the page waits for."""
    send_mail(form.email, "Your card", f"Card {form.card_number}, limit {form.credit_limit} EUR.")
    form.ready = True
    return f"card {form.card_number}, told to {form.email}"


@root(label=lambda form: f"card form of {form.name}", link=f"{settings().shop_url}/forms/{{key}}")
class CardForm(Model):
    """An application for the shop's card."""

    __tablename__ = "forms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    """Field A."""
    credit_limit: Mapped[int | None]
    """Field B."""
    card_number: Mapped[str | None]
    """Field C."""
    language: Mapped[str]
    """Field D."""
    email: Mapped[str]
    ready: Mapped[bool] = mapped_column(default=False)

    class ViewModels(view_models):
        """Work on a form, by name."""

        TheFormCompleter = ViewModel(rate, number, confirm, lane="card-number", max_attempts=2)


def submit(name: str, language: str, email: str) -> CardForm:
    """Store A and D, and leave the rest to a ticket; the caller commits."""
    form = CardForm(name=name, language=language, email=email)
    work = CardForm.ViewModels.TheFormCompleter
    db.session.add(form)
    db.session.add(Ticket(root=form, view_model=work, opened_by=current_user()))
    return form
