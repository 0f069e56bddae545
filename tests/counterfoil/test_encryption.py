"""Encrypted params: sealed at rest, bound to their ticket, rotated, told nowhere (O9, S9, S10)."""

import logging
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text, update
from sqlalchemy.orm import Session

from counterfoil import (
    Fail,
    FloodGuard,
    Postpone,
    Ticket,
    catalogue,
    keyring,
    open_batch,
    open_ticket,
    target,
)
from counterfoil.acts import Actor, Refused, act
from counterfoil.declaration import RegistryError
from counterfoil.immutable import TicketIsImmutable
from counterfoil.inline import run_pending
from counterfoil.keyring import KeyMissing, fresh, parse
from counterfoil.many import open_many
from counterfoil.options import WrongOption
from counterfoil.params import ParamsCannotBeStored
from counterfoil.registry import registry
from counterfoil.revealing import reveal
from counterfoil.rotation import Rotated, rotate

CANARY = "canary-4929-1374-secret"
OLD, NEW = fresh("old"), fresh("new")
ADA = Actor("ada", "console")


@pytest.fixture(autouse=True)
def host(engine: Engine) -> Any:
    """Work that takes a secret and does with it what it is told."""
    with registry.scoped():
        seen: list[Any] = []

        @target("Card.charge", encrypted=True, max_attempts=2)
        def charge(ticket: Any, *, card: str, amount: Decimal = Decimal(1), how: str = "well") -> str:
            seen.append((card, amount))
            ticket.log(f"charging {card}")
            ticket.progress(1, 2, f"at {card}")
            if how == "raise":
                raise ValueError("x" * 3990 + card)
            if how == "fail":
                raise Fail(f"the card {card} is stolen")
            if how == "postpone":
                raise Postpone(reason=f"the bank thinks about {card}")
            return f"charged {card}"

        @target("Card.plain", searchable=["card"])
        def plain(*, card: str) -> None:
            seen.append(card)

        keyring.adopt(parse(OLD))
        yield seen


def everything(engine: Engine) -> str:
    """The whole database as text."""
    with engine.connect() as connection:
        return "\n".join(
            str(tuple(row))
            for table in inspect(connection).get_table_names()
            for row in connection.execute(text(f'SELECT * FROM "{table}"'))
        )


def row(engine: Engine, ticket_id: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(Ticket.__table__).where(Ticket.id == ticket_id)).one()


def opened(session: Session, view_model: str = "Card.charge", **options: Any) -> int:
    ticket = open_ticket(session, view_model, card=CANARY, **options)
    session.commit()
    return ticket.id


def ran(session: Session) -> list[str]:
    verbs = [each.verb for each in run_pending(session)]
    session.commit()
    return verbs


def test_the_row_holds_no_plain_text_and_the_work_gets_every_value(
    session: Session, engine: Engine, host: Any
) -> None:
    id_ = opened(session, amount=Decimal("12.50"))
    stored = row(engine, id_)
    assert (stored.encryptor, stored.key_id) == ("aes-gcm", "old")
    assert isinstance(stored.params, str)
    assert ran(session) == ["finish"]
    assert host == [(CANARY, Decimal("12.50"))]
    assert row(engine, id_).receipt == "charged ********"
    assert CANARY not in everything(engine)


def test_what_is_encrypted_is_not_searchable() -> None:
    with pytest.raises(RegistryError, match="declare one of the two"):
        target("Card.both", encrypted=True, searchable=["card"])(lambda *, card: None)


def test_a_searchable_param_of_an_encrypted_ticket_is_not_noted(session: Session, engine: Engine) -> None:
    with engine.begin() as connection:
        catalogue.write(connection, registry)
    opened(session, "Card.plain", encrypted=True)
    assert CANARY not in everything(engine)
    opened(session, "Card.plain")
    assert everything(engine).count(CANARY) == 2


def test_one_ticket_alone_may_be_encrypted_and_a_view_models_declaration_is_not_undone(
    session: Session, engine: Engine, host: Any
) -> None:
    assert row(engine, opened(session, "Card.plain", encrypted=True)).key_id == "old"
    assert row(engine, opened(session, "Card.plain")).params == {"card": CANARY}
    assert row(engine, opened(session, "Card.plain", encrypted="null")).encryptor == "null"
    with pytest.raises(WrongOption, match="declared encrypted"):
        opened(session, encrypted=False)
    assert ran(session) == ["finish"] * 3
    assert host == [CANARY] * 3


def test_a_thousand_in_one_call_and_one_by_a_token_are_sealed_too(session: Session, engine: Engine) -> None:
    open_many(
        session, "Card.plain", [{"encrypted": n % 2 == 0, "params": {"card": CANARY}} for n in range(4)]
    )
    once = [open_ticket(session, "Card.charge", card=CANARY, idempotence_token="one").id for _ in range(2)]
    session.commit()
    assert once[0] == once[1]
    sealed = [key for (key,) in session.execute(select(Ticket.key_id).order_by(Ticket.id))]
    assert sealed == ["old", None, "old", None, "old"]
    assert ran(session) == ["finish"] * 5


@pytest.mark.parametrize(("how", "verb"), [("raise", "back off"), ("fail", "fail"), ("postpone", "postpone")])
def test_a_secret_in_an_errors_text_is_stored_nowhere(
    session: Session, engine: Engine, caplog: pytest.LogCaptureFixture, how: str, verb: str
) -> None:
    caplog.set_level(logging.DEBUG)
    opened(session, how=how)
    assert ran(session) == [verb]
    found = everything(engine) + caplog.text
    assert CANARY not in found
    assert CANARY[:10] not in found, "cut in the middle"
    assert "x" * 3990 in found or how != "raise"


def test_a_secret_among_bound_values_of_a_statement_is_stored_nowhere(
    session: Session, engine: Engine
) -> None:
    @target("Card.insert", encrypted=True)
    def insert(*, card: str) -> None:
        session.execute(text("INSERT INTO nowhere VALUES (:card)"), {"card": card * 100})

    open_ticket(session, "Card.insert", card=CANARY)
    session.commit()
    assert ran(session) == ["back off"]
    assert "nowhere" in everything(engine)
    assert CANARY[:10] not in everything(engine)


def test_params_that_cannot_be_stored_are_refused_without_their_value(session: Session) -> None:
    with pytest.raises(ParamsCannotBeStored, match=r"param card: its value cannot be stored") as refused:
        open_ticket(session, "Card.charge", params={"card": {"deep": CANARY.encode()}})
    assert CANARY not in str(refused.value)
    assert refused.value.__context__ is None


def test_ciphertexts_swapped_between_rows_fail_cleanly_and_others_go_on(
    session: Session, engine: Engine, host: Any
) -> None:
    one, two, three = opened(session), opened(session), opened(session)
    texts = {id_: row(engine, id_).params for id_ in (one, two)}
    with engine.begin() as connection:
        for id_, other in ((one, two), (two, one)):
            connection.execute(update(Ticket).where(Ticket.id == id_).values(params=texts[other]))
    assert ran(session) == ["error", "error", "finish"]
    for id_ in (one, two):
        failed = row(engine, id_)
        assert (failed.state, failed.error_kind) == ("errored", "resolve")
        assert "sealed for another ticket" in failed.error
    assert row(engine, three).state == "done"
    assert host == [(CANARY, Decimal(1))]


def test_a_text_moved_to_another_view_model_does_not_open(
    session: Session, engine: Engine, host: Any
) -> None:
    id_ = opened(session)
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == id_).values(view_model="Card.plain"))
    assert ran(session) == ["error"]
    assert host == []


@pytest.mark.parametrize("broken", ["", "%%%", "AAAA", {"card": "plain"}, None])
def test_a_row_that_was_tampered_with_is_errored_not_run(
    session: Session, engine: Engine, host: Any, broken: Any
) -> None:
    id_ = opened(session)
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == id_).values(params=broken))
    assert ran(session) == ["error"]
    assert row(engine, id_).error_kind == "resolve"
    assert host == []


def test_a_lost_key_is_named_and_other_tickets_go_on(session: Session, engine: Engine) -> None:
    lost = opened(session)
    keyring.adopt(parse(NEW))
    kept = opened(session)
    assert ran(session) == ["error", "finish"]
    failed = row(engine, lost)
    assert (failed.state, failed.error_kind) == ("errored", "resolve")
    assert "'old'" in failed.error
    assert "COUNTERFOIL_ENCRYPTION_KEYS" in failed.error
    assert row(engine, kept).key_id == "new"
    keyring.adopt(parse(f"{NEW}, {OLD}"))
    act(session.connection(), "retry", lost, ADA)
    session.commit()
    assert ran(session) == ["finish"]


def test_an_encryptor_that_a_process_does_not_know_is_named(session: Session, engine: Engine) -> None:
    id_ = opened(session)
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == id_).values(encryptor="kms"))
    assert ran(session) == ["error"]
    assert "'kms'" in row(engine, id_).error
    with pytest.raises(RegistryError, match="no encryptor 'rot13'"):
        opened(session, encrypted="rot13")


def test_an_encryptor_of_the_applications_own_is_taken_by_its_name(session: Session, engine: Engine) -> None:
    from counterfoil.encryptors import Null, Sealed

    class Backwards(Null):
        def seal(self, plain: bytes, bound_to: bytes) -> Sealed:
            return Sealed(plain.decode()[::-1], "mirror")

        def open(self, sealed: str, key_id: str | None, bound_to: bytes) -> bytes:
            return sealed[::-1].encode()

    known = dict(registry.encryptors)
    try:
        registry.add_encryptor("backwards", Backwards())
        id_ = opened(session, "Card.plain", encrypted="backwards")
        assert row(engine, id_).key_id == "mirror"
        assert ran(session) == ["finish"]
        with pytest.raises(RegistryError, match="is Backwards already"):
            registry.add_encryptor("backwards", Null())
    finally:
        registry.encryptors = known


def test_rotation_seals_again_what_has_an_old_key_and_leaves_the_running(
    session: Session, engine: Engine, host: Any
) -> None:
    ids = [opened(session) for _ in range(5)]
    with engine.begin() as connection:
        connection.execute(
            update(Ticket).where(Ticket.id == ids[0]).values(state="running", fence="f", drain_id="d")
        )
    keyring.adopt(parse(f"{NEW} {OLD}"))
    fresh_one, done, more = opened(session), Rotated(), True
    while more:
        with engine.begin() as connection:
            more = rotate(connection, registry, ADA, done, chunk=2)
    assert (done.sealed, done.left, done.unreadable) == (4, 1, {})
    assert [row(engine, id_).key_id for id_ in ids] == ["old", "new", "new", "new", "new"]
    assert [row(engine, id_).moves for id_ in (*ids, fresh_one)] == [0, 1, 1, 1, 1, 0]
    with engine.connect() as connection:
        trail = connection.execute(
            text("SELECT before, after FROM counterfoil_trail WHERE verb = 'rotate keys'")
        ).all()
    assert len(trail) == 3
    keyring.adopt(parse(NEW))
    with engine.begin() as connection:
        connection.execute(update(Ticket).where(Ticket.id == ids[0]).values(state="held"))
        again = Rotated()
        rotate(connection, registry, ADA, again)
    assert again.sealed == 0
    assert list(again.unreadable.values()) == [1]
    assert "'old'" in next(iter(again.unreadable))
    assert ran(session) == ["finish"] * 5


def test_a_ticket_that_has_moved_since_it_was_read_is_not_sealed_again(
    session: Session, engine: Engine
) -> None:
    from counterfoil.rotation import _moved

    id_ = opened(session)
    with engine.begin() as connection:
        act(connection, "hold", id_, ADA)
        assert not _moved(connection, id_, 0, {"params": "x", "key_id": "new"})
        assert _moved(connection, id_, 1, {"params": "x", "key_id": "new"})


def test_revealing_stands_in_the_trail_and_names_the_missing_key(session: Session, engine: Engine) -> None:
    id_ = opened(session)
    with engine.begin() as connection:
        assert reveal(connection, id_, ADA, registry, "a chargeback")["card"] == CANARY
    with engine.connect() as connection:
        trail = connection.execute(text("SELECT verb, actor, reason, ticket_id FROM counterfoil_trail")).all()
    assert [tuple(entry) for entry in trail] == [("reveal", "ada", "a chargeback", id_)]
    assert CANARY not in everything(engine)
    keyring.adopt(parse(None))
    with engine.begin() as connection, pytest.raises(Refused, match=f"ticket {id_} .*'old'"):
        reveal(connection, id_, ADA, registry)


def test_token_encryptor_and_params_of_a_saved_ticket_cannot_be_set(session: Session) -> None:
    ticket = session.get_one(Ticket, opened(session))
    for column in ("token", "encryptor", "key_id", "params", "view_model", "root_id"):
        with pytest.raises(TicketIsImmutable, match=column):
            setattr(ticket, column, "other")


def test_a_guard_needs_a_key_and_a_follow_up_takes_no_secret(session: Session, engine: Engine) -> None:
    for guard in (True, FloodGuard()):
        with pytest.raises(WrongOption, match="needs a key"):
            open_ticket(session, "Card.charge", card=CANARY, guard=guard)
    first = open_ticket(session, "Card.charge", card=CANARY, guard="k" * 500)
    session.flush()
    second = open_ticket(session, "Card.charge", card=CANARY, guard="k" * 500)
    session.flush()
    assert second.waiting_id == first.id
    with pytest.raises(WrongOption, match="give it none"):
        open_batch(session, "cards", follow_up="Card.charge", follow_up_params={"card": CANARY})


def test_without_a_key_nothing_is_opened_and_the_setting_is_named(session: Session) -> None:
    keyring.adopt(parse(None))
    with pytest.raises(KeyMissing, match="COUNTERFOIL_ENCRYPTION_KEYS"):
        open_ticket(session, "Card.charge", card=CANARY)
