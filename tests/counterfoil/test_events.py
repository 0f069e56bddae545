"""Events with synchronous and background actions mixed (O11 to O13)."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from counterfoil import Background, Delay, Event, Ticket, When, catalogue, view_models
from counterfoil.declaration import RegistryError
from counterfoil.registry import registry

DONE: list[str] = []


def step(name: str) -> Any:
    def action(card: Any, **params: Any) -> None:
        DONE.append(name)

    return action


def refuse(card: Any, **params: Any) -> None:
    raise ValueError("the form does not fit")


@pytest.fixture
def shop(engine: Engine) -> Iterator[Any]:
    DONE.clear()
    with registry.scoped():

        class Base(DeclarativeBase):
            pass

        class Card(Base):
            __tablename__ = "cards"
            id: Mapped[int] = mapped_column(primary_key=True)
            company: Mapped[str | None] = mapped_column(String(50))

            class ViewModels(view_models):
                Changed = Event(
                    step("a"),
                    Background(step("b"), step("c"), queue="forms"),
                    When(
                        lambda card: card.company,
                        step("company"),
                        When(
                            lambda card: card.company == "ACME", Delay(step("acme"), later=timedelta(hours=1))
                        ),
                    ),
                    step("d"),
                    Delay(step("mail"), name="Card.mail"),
                )
                Refused = Event(step("first"), Background(step("never")), refuse)

        Base.metadata.create_all(engine)
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield SimpleNamespace(Card=Card)


def names(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(Ticket.view_model).order_by(Ticket.id)))


def test_what_is_synchronous_runs_first_and_the_rest_opens_tickets_in_order(
    shop: Any, engine: Engine
) -> None:
    with Session(engine) as session:
        card = shop.Card(company="ACME")
        session.add(card)
        opened = shop.Card.ViewModels.Changed.fire(session, card)
        assert DONE == ["a", "company", "d"]
        session.commit()
        assert [ticket.view_model for ticket in opened] == ["Changed.1", "Changed.2", "Card.mail"]
        assert {ticket.root_id for ticket in opened} == {f"Card!{card.id}"}
        assert opened[0].queue == "forms"
        assert opened[1].due_at - opened[1].opened_at > timedelta(minutes=59)
    assert names(engine) == ["Changed.1", "Changed.2", "Card.mail"]


def test_a_condition_that_is_false_leaves_out_what_is_under_it(shop: Any, engine: Engine) -> None:
    with Session(engine) as session:
        card = shop.Card(company="Other")
        session.add(card)
        shop.Card.ViewModels.Changed.fire(session, card)
        session.commit()
    assert DONE == ["a", "company", "d"]
    assert names(engine) == ["Changed.1", "Card.mail"]


def test_a_synchronous_action_that_fails_takes_the_tickets_with_it(shop: Any, engine: Engine) -> None:
    with Session(engine) as session:
        card = shop.Card()
        session.add(card)
        with pytest.raises(ValueError, match="does not fit"):
            shop.Card.ViewModels.Refused.fire(session, card)
        session.rollback()
    assert DONE == ["first"]
    assert names(engine) == []


def test_background_and_a_delay_until_now_give_the_same_row(shop: Any, engine: Engine) -> None:
    with Session(engine) as session:
        card = shop.Card()
        session.add(card)
        session.flush()
        one, two = Background(step("x"), name="Card.x"), Delay(step("x"), until="now", name="Card.x")
        one.register(shop.Card, "E", 1)
        rows = []
        for part in (one, two):
            ticket = part.open(session, card, {})
            session.flush()
            session.refresh(ticket)
            rows.append({c.name: getattr(ticket, c.name) for c in Ticket.__table__.columns})
        own = {"id", "token", "opened_at", "due_at", "moved_at", "aside_since"}
        assert {n: v for n, v in rows[0].items() if n not in own} == {
            n: v for n, v in rows[1].items() if n not in own
        }


def test_an_event_of_another_root_or_without_a_place_is_refused(shop: Any, engine: Engine) -> None:
    with Session(engine) as session:
        with pytest.raises(RegistryError, match="about Card"):
            shop.Card.ViewModels.Changed.fire(session, object())
        with pytest.raises(RegistryError, match="view_models"):
            Event(step("a")).fire(session, object())
    for nonsense in (Event, Background, lambda: When(lambda card: True), lambda: Background("no action")):
        with pytest.raises(RegistryError):
            nonsense()
