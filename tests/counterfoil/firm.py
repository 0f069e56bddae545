"""A host's models for the tests of opening: made anew for each test, in a registry of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from counterfoil import ViewModel, catalogue, method, root, target, view_models
from counterfoil.registry import registry


def greet(customer: Any) -> None:
    """An action that does nothing."""


@contextmanager
def firm(engine: Engine, known: bool = True) -> Iterator[Any]:
    """The models, with their tables made; `known`: registered in the tables as by a worker."""
    with registry.scoped():
        made = _models()
        made.Base.metadata.create_all(engine)
        if known:
            with engine.begin() as connection:
                catalogue.write(connection, registry, "1")
        yield made


def _models() -> Any:
    class Base(DeclarativeBase):
        pass

    @root(label=lambda customer: f"customer {customer.name}", link="https://firm.example/customers/{key}")
    class Customer(Base):
        __tablename__ = "customers"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(50), default="ACME")
        kind: Mapped[str] = mapped_column(String(10))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plain"}

        @method(lane="number:{root_id}", queue="numbers", priority="high", former_names=("Customer.number",))
        def assign_number(self, start: int = 1) -> None:
            """Give the customer a number."""

        class ViewModels(view_models):
            TheGreeter = ViewModel(greet, in_charge="ada", keep_receipt_minutes=3, max_attempts=2)

    class Company(Customer):
        __tablename__ = "companies"
        id: Mapped[int] = mapped_column(ForeignKey("customers.id"), primary_key=True)
        seat: Mapped[str] = mapped_column(String(50), default="Berlin")
        __mapper_args__ = {"polymorphic_identity": "company"}

    class Document(Base):
        __tablename__ = "documents"
        key: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)

    class Line(Base):
        __tablename__ = "lines"
        order_name: Mapped[str] = mapped_column(String(50), primary_key=True)
        position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)

    @target("Mail.send")
    def send(*, to: str = "") -> None:
        """Send a mail."""

    return SimpleNamespace(
        Base=Base, Customer=Customer, Company=Company, Document=Document, Line=Line, send=send
    )
