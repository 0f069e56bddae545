"""The application of the machine: work that ends as its ticket says, and leaves an effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from counterfoil import Fail, Postpone, catalogue, open_ticket
from counterfoil.declaration import Declaration
from counterfoil.registry import registry
from tests.machine.model import KEEP_RECEIPT, POSTPONED

QUEUES = ("left", "right")
KNOWN = ("M.work", "M.right", "M.group", "M.unmet", "M.foreign")
"""View models that stand in the tables. No worker of ours knows M.foreign: it is of a newer version."""
POOLS = {"right": 2}


class Base(DeclarativeBase):
    pass


class Thing(Base):
    """The root of M.unmet."""

    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True)


class Hosts:
    """The host's session, as a drain is given it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.current: Session | None = None

    @contextmanager
    def scope(self) -> Iterator[Session]:
        with Session(self.engine) as session:
            self.current = session
            yield session


def declare(hosts: Hosts) -> None:
    """Fill the registry, and the tables with what some worker registered."""

    def work(ticket: Any, *, endings: list[str]) -> str:
        assert hosts.current is not None
        claims = ticket._claimed.claims
        hosts.current.execute(
            text("INSERT INTO effect (ticket_id, attempt) VALUES (:id, :claims)"),
            {"id": ticket.id, "claims": claims},
        )
        match endings[min(claims, len(endings)) - 1]:
            case "open":
                open_ticket(hosts.current, "M.work", endings=["done"])
            case "raise":
                raise ValueError("no luck")
            case "postpone":
                raise Postpone(POSTPONED * 60, "not now")
            case "fail":
                raise Fail("never")
        return "done"

    def never(thing: Thing, ticket: Any) -> None:
        raise AssertionError("its precondition is false")

    keep = int(KEEP_RECEIPT)
    foreign = Declaration("M.foreign", "target", (work,), queue="left", keep_receipt_minutes=keep)
    registry.add(foreign)
    for name, queue, most in (("M.work", "left", 3), ("M.right", "right", 2)):
        registry.add(
            Declaration(name, "target", (work,), queue=queue, max_attempts=most, keep_receipt_minutes=keep)
        )
    registry.add(
        Declaration(
            "M.group",
            "target",
            (work,),
            queue="left",
            max_attempts=3,
            keep_receipt_minutes=keep,
            commit="group",
        )
    )
    registry.add(
        Declaration(
            "M.unmet", "method", (never,), Thing, lambda thing: False, queue="left", keep_receipt_minutes=keep
        )
    )
    with hosts.engine.begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(text("INSERT INTO thing (id) VALUES (1)"))
        catalogue.write(connection, registry, seconds=1e9)
        connection.execute(
            text("UPDATE counterfoil_view_models SET known_until = NULL WHERE name = 'M.foreign'")
        )
    del registry.view_models["M.foreign"]
