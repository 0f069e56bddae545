"""The Python of the how-to page about tickets that a change opens, run as it is printed."""

from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from counterfoil import Ticket, catalogue
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from tests.examples.printed import blocks

PREAMBLE = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Address(Base):
    __tablename__ = "addresses_of_ours"
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str]
"""


def test_the_search_entry_follows_the_customer_and_the_address(engine: Engine) -> None:
    module: dict[str, Any] = {"entries": {}}
    with registry.scoped(), Session(engine) as session:
        declared, changed = blocks("changes.md")
        exec(PREAMBLE, module)
        exec(declared, module)
        module["Base"].metadata.create_all(engine)
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        module["session"] = session
        exec(changed, module)
        assert len(session.scalars(select(Ticket)).all()) == 1
        run_pending(session)
    assert module["entries"] == {1: "ACME, Berlin"}
