"""The Python of the how-to page about recurring tickets, run as it is printed."""

from typing import Any

from sqlalchemy import Engine, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from counterfoil import Ticket, catalogue, method, planting
from counterfoil.clock import stamp
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.tables import ScheduleRecord
from tests.examples.printed import blocks


def test_the_invoices_are_printed_nightly_and_who_owes_is_reminded(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    with registry.scoped(), Session(engine) as session:
        reminded: list[str] = []

        class Customer(Base):
            __tablename__ = "debtors"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]
            owes: Mapped[int]

            @method()
            def remind(self) -> None:
                reminded.append(self.name)

        module: dict[str, Any] = {"printed": [], "Customer": Customer}
        for block in blocks("schedules.md"):
            exec(block, module)
        Base.metadata.create_all(engine)
        session.add_all([Customer(name=n, owes=o) for n, o in (("ACME", 5), ("Bolt", 0), ("Cog", 1))])
        session.commit()
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
            connection.execute(update(ScheduleRecord).values(next_at=stamp()))
            assert sum(planting.plant(connection, row) for row in planting.due(connection)) == 2
        run_pending(session)
        receipts = {ticket.view_model: ticket.receipt for ticket in session.query(Ticket)}
    assert module["printed"] == [2]
    assert sorted(reminded) == ["ACME", "Cog"]
    assert receipts["Invoices.print"] == "2 printed"
    assert receipts["schedule.dunning"] == "2 opened"
