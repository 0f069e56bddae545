"""A customer moves house: one form, some of it at once, the rest later, said in one place as an Event."""

from datetime import timedelta

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from counterfoil import Background, Delay, Event, When, root, view_models

from .customers import Customer
from .db import Model, db
from .mail import send_mail
from .settings import settings
from .weather import FERRY_LESS


class CannotMoveThere(Exception):
    """The form is refused: nothing of it is stored, and no ticket is left."""


def take_over(move: "Move") -> None:
    """At once: what the form itself changes."""
    if move.country == FERRY_LESS:
        raise CannotMoveThere(f"nothing is shipped to the {FERRY_LESS}")
    move.from_country, move.customer.country = move.customer.country, move.country


def open_customs_file(move: "Move") -> str:
    """Later, and only for who crosses a border."""
    move.customs_file = f"C-{move.id:05d}"
    return f"file {move.customs_file}"


def choose_zone(move: "Move") -> None:
    """Later: what a parcel to there costs."""
    move.zone = "home" if move.country == "DE" else "abroad"


def confirm(move: "Move") -> str:
    """After the zone, by the same ticket."""
    text = f"We ship to {move.street}, {move.country}: zone {move.zone}."
    send_mail(move.customer.email, "Your new address", text)
    return f"told {move.customer.email}"


def ask_for_the_neighbour(move: "Move") -> str:
    """The next morning."""
    send_mail(move.customer.email, "Who takes your parcels?", f"When nobody is at home in {move.street}.")
    return "asked"


@root(label=lambda move: f"move of {move.customer.name}", link=f"{settings().shop_url}/customers/{{key}}")
class Move(Model):
    """A customer's latest change of address; its key is the customer's."""

    __tablename__ = "moves"

    id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    street: Mapped[str]
    country: Mapped[str]
    from_country: Mapped[str | None]
    zone: Mapped[str | None]
    customs_file: Mapped[str | None]
    customer: Mapped[Customer] = relationship()

    @property
    def abroad(self) -> bool:
        """Whether a border is crossed."""
        return self.from_country != self.country

    class ViewModels(view_models):
        """What a move sets going, in the order of the tree."""

        Moved = Event(
            take_over,
            When(lambda move: move.abroad, Background(open_customs_file, name="TheCustomsClerk")),
            Background(choose_zone, confirm, name="TheMoveConfirmer", max_attempts=2),
            Delay(
                ask_for_the_neighbour,
                until="next day",
                later=timedelta(hours=9),
                zone="Europe/Berlin",
                name="TheNeighbourFinder",
                priority="low",
            ),
        )


def move_house(customer: Customer, street: str, country: str) -> Move:
    """Store the form and set the rest going; the caller commits. Raises CannotMoveThere: roll back."""
    db.session.flush()  # gives a new customer a key
    move = db.session.get(Move, customer.id) or Move(customer=customer)
    move.street, move.country = street, country
    db.session.add(move)
    Move.ViewModels.Moved.fire(db.session, move)
    return move
