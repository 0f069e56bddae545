"""Change-triggered tickets: what a view model reads, own and one hop away (O27)."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Engine, ForeignKey, Table, event, select, text, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from counterfoil import Ticket, ViewModel, catalogue, changes, method, target, view_models
from counterfoil.declaration import RegistryError
from counterfoil.inline import run_pending
from counterfoil.registry import registry


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with registry.scoped():
        made = _models()
        made.Base.metadata.create_all(engine)
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield made


def _models() -> Any:
    class Base(DeclarativeBase):
        pass

    wearing = Table(
        "wearing",
        Base.metadata,
        Column("shopper_id", ForeignKey("shoppers.id"), primary_key=True),
        Column("tag_id", ForeignKey("tags.id"), primary_key=True),
    )

    class Place(Base):
        __tablename__ = "places"
        id: Mapped[int] = mapped_column(primary_key=True)
        city: Mapped[str] = mapped_column(default="Berlin")
        note: Mapped[str] = mapped_column(default="")

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        word: Mapped[str]

    class Shopper(Base):
        __tablename__ = "shoppers"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(default="ACME")
        entry: Mapped[str | None]
        phone: Mapped[str] = mapped_column(default="")
        place_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
        place: Mapped[Place | None] = relationship()
        orders: Mapped[list["Order"]] = relationship(back_populates="shopper")
        tags: Mapped[list[Tag]] = relationship(secondary=wearing)

        @method(changes=("name", "place.city"))
        def write_entry(self) -> None:
            self.entry = f"{self.name}, {self.place and self.place.city}"
            self.name = self.name.strip()

        class ViewModels(view_models):
            Summer = ViewModel(lambda shopper: None, changes=["orders.total", "tags.word"])

    class Order(Base):
        __tablename__ = "orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        total: Mapped[int] = mapped_column(default=0)
        shopper_id: Mapped[int | None] = mapped_column(ForeignKey("shoppers.id"))
        shopper: Mapped[Shopper | None] = relationship(back_populates="orders")

    return SimpleNamespace(Base=Base, Place=Place, Tag=Tag, Shopper=Shopper, Order=Order)


@pytest.fixture
def cast(host: Any, session: Session) -> Any:
    """Two shoppers at one place, one of them with an order and a tag; nothing waits."""
    place = host.Place()
    host.ada = host.Shopper(name="ada", place=place, orders=[host.Order()], tags=[host.Tag(word="new")])
    host.bob = host.Shopper(name="bob", place=place)
    session.add_all([host.ada, host.bob])
    session.commit()
    run_pending(session)
    session.execute(text("DELETE FROM counterfoil_tickets"))
    session.commit()
    session.expunge_all()
    host.ada, host.bob = session.scalars(select(host.Shopper).order_by(host.Shopper.id))
    return host


def opened(session: Session) -> list[tuple[str, str | None]]:
    session.commit()
    query = select(Ticket.view_model, Ticket.root_id).order_by(Ticket.view_model, Ticket.root_id)
    return [tuple(row) for row in session.execute(query)]


ENTRY = "Shopper.write_entry"


def test_a_change_of_what_is_read_opens_one_ticket(cast: Any, session: Session) -> None:
    cast.ada.phone = "030"
    assert opened(session) == []
    cast.ada.name = cast.ada.name
    assert opened(session) == [], "set to what it was"
    cast.ada.name = "Ada"
    session.flush()
    cast.ada.name = "Ada Ltd"
    assert opened(session) == [(ENTRY, "Shopper!1")]
    cast.ada.name = "Ada Inc"
    assert opened(session) == [(ENTRY, "Shopper!1")], "one waits already"


def test_it_runs_on_what_was_committed_and_its_own_writes_open_none(cast: Any, session: Session) -> None:
    cast.ada.name = " Ada "
    session.commit()
    ran = [(each.view_model, each.verb) for each in run_pending(session)]
    assert ran == [(ENTRY, "finish")]
    assert (cast.ada.name, cast.ada.entry) == ("Ada", " Ada , Berlin")
    cast.ada.name = "Ada Ltd"
    session.flush()
    assert len(run_pending(session)) == 1, "a change after it, in the same transaction, opens a new one"


def test_a_rolled_back_change_opens_nothing_and_one_after_it_does(cast: Any, session: Session) -> None:
    cast.ada.name = "Ada"
    session.flush()
    session.rollback()
    assert opened(session) == []
    savepoint = session.begin_nested()
    cast.ada.name = "Ada"
    session.flush()
    savepoint.rollback()
    cast.bob.name = "Bob"
    session.flush()
    cast.ada.name = "Ada"
    assert opened(session) == [(ENTRY, "Shopper!1"), (ENTRY, "Shopper!2")]


def test_a_new_root_counts_as_changed_and_a_deleted_one_does_not(cast: Any, session: Session) -> None:
    session.add(cast.Shopper(name="cyd"))
    session.delete(cast.bob)
    assert opened(session) == [(ENTRY, "Shopper!3"), ("Summer", "Shopper!3")]


def ways(cast: Any, session: Session) -> dict[str, tuple[Callable[[], Any], list[tuple[str, str]]]]:
    ada, bob, order = cast.ada, cast.bob, session.get_one(cast.Order, 1)
    other = cast.Place(city="Rome")
    session.add(other)
    session.commit()
    both = [(ENTRY, "Shopper!1"), (ENTRY, "Shopper!2")]
    one, two = [("Summer", "Shopper!1")], [("Summer", "Shopper!1"), ("Summer", "Shopper!2")]

    def city() -> None:
        session.expunge_all()
        session.get_one(cast.Place, 1).city = "Bonn"

    def note() -> None:
        session.get_one(cast.Place, 1).note = "x"

    def word() -> None:
        session.expunge_all()
        session.get_one(cast.Tag, 1).word = "old"

    def total() -> None:
        session.expunge_all()
        session.get_one(cast.Order, 1).total = 7

    return {
        "an attribute one hop away": (city, both),
        "another attribute there": (note, []),
        "the link": (lambda: setattr(ada, "place", other), both[:1]),
        "the link's key": (lambda: setattr(ada, "place_id", other.id), both[:1]),
        "many to many": (word, one),
        "one of many": (total, one),
        "a new one of many": (lambda: bob.orders.append(cast.Order()), two[1:]),
        "a new one by its key": (lambda: session.add(cast.Order(shopper_id=bob.id)), two[1:]),
        "a new one by its link": (lambda: session.add(cast.Order(shopper=bob)), two[1:]),
        "one that goes over": (lambda: setattr(order, "shopper", bob), two),
        "one that goes over by its key": (lambda: setattr(order, "shopper_id", bob.id), two),
        "one that is deleted": (lambda: session.delete(order), one),
    }


WAYS = (
    "an attribute one hop away", "another attribute there", "the link", "the link's key", "many to many",
    "one of many", "a new one of many", "a new one by its key", "a new one by its link", "one that goes over",
    "one that goes over by its key", "one that is deleted",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_changes_one_hop_away_finds_its_roots(cast: Any, session: Session, way: str) -> None:
    change, wanted = ways(cast, session)[way]
    change()
    assert opened(session) == wanted


def test_a_flush_asks_for_roots_once_however_many_objects_changed(
    cast: Any, session: Session, engine: Engine
) -> None:
    session.add_all([cast.Order(shopper_id=1) for _ in range(20)])
    session.commit()
    session.execute(text("DELETE FROM counterfoil_tickets"))
    session.commit()
    session.expunge_all()
    for order in session.scalars(select(cast.Order)):
        order.total = 9
    asked: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT shoppers"):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    session.flush()
    assert len(asked) == 1
    assert opened(session) == [("Summer", "Shopper!1")]


def test_bulk_statements_are_not_seen(cast: Any, session: Session) -> None:
    session.execute(update(cast.Shopper).values(name="all"))
    assert opened(session) == []


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: target("X.y", changes=("a",))(lambda: None), "it has none"),
        (lambda: ViewModel(lambda r: None, changes=("a.b.c",)).register(object, "X"), "write an attribute"),
        (lambda: ViewModel(lambda r, *, n: None, changes=("a",)).register(object, "X"), "no params to give"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(host: Any, declare: Callable[[], Any], words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        declare()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nmae", "'nmae', which Shopper does not have; it has: .*name"),
        ("place.cty", "'cty', which Place does not have"),
        ("name.x", "is no relationship"),
    ],
)
def test_a_typo_is_told_when_a_worker_starts(host: Any, path: str, words: str) -> None:
    ViewModel(lambda root: None, changes=(path,)).register(host.Shopper, "Mistyped")
    with pytest.raises(RegistryError, match=f"Mistyped: changes names .*{words}"):
        changes.watches(registry)
