"""What a host's own tests use: everything happens in a transaction that is rolled back (R20)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from counterfoil import Fail, Postpone, Ticket, method, open_ticket, target
from counterfoil.registry import registry
from counterfoil.testing import Inline, assert_opened


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    sent: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(default="")


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with registry.scoped():
        yield


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """The recipe of SQLAlchemy's documentation: a session joined to a transaction that is rolled back."""
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as made:
            yield made
        outer.rollback()
    with engine.connect() as other:
        for table in ("counterfoil_tickets", "counterfoil_view_models", "counterfoil_attempts", "orders"):
            assert other.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table


def work(call: Any, **options: Any) -> str:
    target("T.work", **options)(call)
    return "T.work"


def test_an_order_is_sent_by_its_ticket_and_nothing_remains(
    session: Session, counterfoil_inline: Inline, engine: Engine
) -> None:
    def send(order: Order, ticket: Any) -> str:
        order.sent = True
        return f"sent at attempt {ticket.attempt}"

    registered = method(lane="orders")(send)
    registered.__set_name__(Order, "send")
    order = Order()
    session.add_all([order, Ticket(root=order, view_model=registered)])
    session.commit()
    (ticket,) = assert_opened(session, root=order, view_model=registered, count=1)
    assert not order.sent
    (ran,) = counterfoil_inline.run_pending()
    assert (ran.verb, ran.root_id, ran.error) == ("finish", f"Order!{order.id}", None)
    assert order.sent
    assert (ticket.state, ticket.receipt) == ("done", "sent at attempt 1")
    assert counterfoil_inline.run_pending() == []


def test_follow_ups_and_other_queues_run_too_in_order(session: Session, counterfoil_inline: Inline) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        open_ticket(session, "T.second", priority=None)

    def second() -> None:
        ran.append("second")

    target("T.second", queue="elsewhere")(second)
    session.add(Ticket(view_model=work(first), priority="high"))
    verbs = [each.verb for each in counterfoil_inline.run_pending()]
    assert (ran, verbs) == (["first", "second"], ["finish", "finish"])
    (follow_up,) = assert_opened(session, view_model="T.second")
    assert follow_up.priority == 3, "inherited"


def test_what_is_not_due_is_not_run(session: Session, counterfoil_inline: Inline) -> None:
    name = work(lambda: None)
    session.add(Ticket(view_model=name, execute_earliest=timedelta(minutes=5)))
    session.add(Ticket(view_model=name, staged=True))
    assert counterfoil_inline.run_pending() == []


def test_work_that_fails_is_rolled_back_to_before_it_and_says_why(
    session: Session, counterfoil_inline: Inline, caplog: pytest.LogCaptureFixture
) -> None:
    order = Order()
    session.add(order)
    session.flush()

    def fail() -> None:
        order.note = "half done"
        session.flush()
        raise ValueError("no luck")

    session.add(Ticket(view_model=work(fail)))
    (ran,) = counterfoil_inline.run_pending()
    assert (ran.verb, ran.error) == ("back off", "ValueError: no luck")
    assert "Traceback" in caplog.text
    assert order.note == ""
    (ticket,) = assert_opened(session, view_model="T.work")
    assert (ticket.state, ticket.attempts, ticket.error) == ("pending", 1, "ValueError: no luck")


@pytest.mark.parametrize(
    ("raised", "verb", "state"),
    [(Postpone(60, "away"), "postpone", "pending"), (Fail("no"), "fail", "failed")],
)
def test_signals_mean_what_they_mean_in_a_worker(
    session: Session, counterfoil_inline: Inline, raised: Exception, verb: str, state: str
) -> None:
    def signal() -> None:
        raise raised

    session.add(Ticket(view_model=work(signal)))
    (ran,) = counterfoil_inline.run_pending()
    (ticket,) = assert_opened(session, count=1)
    assert (ran.verb, ticket.state) == (verb, state)


@pytest.mark.parametrize("how", ["commit", "close"])
def test_work_that_commits_is_an_error_in_a_test_as_in_a_worker(
    session: Session, counterfoil_inline: Inline, how: str
) -> None:
    session.add(Ticket(view_model=work(lambda: getattr(session, how)())))
    (ran,) = counterfoil_inline.run_pending()
    assert ran.verb == "back off"
    assert "WorkMustNotCommit" in str(ran.error)
    assert "test_testing_helpers.py" in str(ran.error)


def test_work_may_roll_back_what_it_did_and_go_on(session: Session, counterfoil_inline: Inline) -> None:
    def change_its_mind() -> None:
        session.add(Order(note="first thought"))
        session.flush()
        session.rollback()
        session.add(Order(note="second thought"))

    session.add(Ticket(view_model=work(change_its_mind)))
    assert [ran.verb for ran in counterfoil_inline.run_pending()] == ["finish"]
    assert [order.note for order in session.query(Order)] == ["second thought"]


def test_tickets_that_open_each_other_without_end_are_noticed(
    session: Session, counterfoil_inline: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterfoil.inline.LIMIT", 5)
    session.add(Ticket(view_model=work(lambda: open_ticket(session, "T.work"))))
    with pytest.raises(RuntimeError, match="do they open each other"):
        counterfoil_inline.run_pending()


def test_assert_opened_tells_what_is_open_instead(session: Session) -> None:
    order = Order()
    session.add(order)
    session.add(Ticket(view_model="Mail.send"))
    with pytest.raises(
        AssertionError, match=r"expected at least 1 .* view model Other, found 0; open are:\n  Mail"
    ):
        assert_opened(session, view_model="Other")
    with pytest.raises(AssertionError, match=r"expected 2 ticket\(s\) with anything, found 1"):
        assert_opened(session, count=2)
    with pytest.raises(AssertionError, match="is not saved"):
        assert_opened(session, root=Order())
    assert assert_opened(session, root=order, count=0) == []
