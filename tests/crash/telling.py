"""The crash tests' application with hooks: a kind of ticket that counts its failures, and a reporter."""

from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil import RunningTicket, Ticket, WorkCutOff
from counterfoil.host import Counterfoil
from tests.crash import app

TABLE = (
    "CREATE TABLE counted_tickets (id BIGINT PRIMARY KEY REFERENCES counterfoil_tickets(id) "
    "ON DELETE CASCADE, failures INTEGER NOT NULL)"
)


class CountedTicket(Ticket):
    """Counts what its hook is told."""

    __tablename__ = "counted_tickets"
    metadata = MetaData()
    __mapper_args__ = {"polymorphic_identity": "counted"}

    id: Mapped[int] = mapped_column(ForeignKey(Ticket.id, ondelete="CASCADE"), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)

    def handle_perform_error(self, error: BaseException) -> None:
        super().handle_perform_error(error)
        self.failures += 1


def report(error: BaseException, ticket: RunningTicket, verb: str) -> None:
    """A line for each failure, which no rollback takes back."""
    kind = error.kind if isinstance(error, WorkCutOff) else "raised"
    with open(app.FOLDER / "reports", "a") as file:
        file.write(f"{ticket.id} {kind} {verb}\n")


def make() -> Counterfoil:
    """For COUNTERFOIL_APP."""
    return Counterfoil(app.Session, on_error=report)
