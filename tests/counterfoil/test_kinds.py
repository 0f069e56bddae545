"""Kinds of tickets: own columns in a host's table, hooks around the work, an error reporter (O29, R16)."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, ForeignKey, MetaData, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from counterfoil import Fail, Postpone, Ticket, catalogue, not_ours, target
from counterfoil.archive import Archive
from counterfoil.inline import run_pending
from counterfoil.kinds import KindCannotBe, rows_of
from counterfoil.purge import purge
from counterfoil.registry import registry
from tests.counterfoil.core import Bench

HOST = MetaData()
CALLS: list[tuple[Any, ...]] = []


class BillTicket(Ticket):
    """A kind of ticket as a host declares it."""

    __tablename__ = "bill_tickets"
    metadata = HOST
    __mapper_args__ = {"polymorphic_identity": "bill"}

    id: Mapped[int] = mapped_column(ForeignKey(Ticket.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[str]
    stage: Mapped[str] = mapped_column(default="opened")

    def before_run(self) -> None:
        super().before_run()
        CALLS.append(("before", self.number, self.state))
        self.stage = "begun"

    def after_done(self, receipt: Any) -> None:
        super().after_done(receipt)
        CALLS.append(("after", receipt))
        if self.number == "refused after":
            raise ValueError("after_done refuses")
        self.stage = "printed"

    def handle_perform_error(self, error: BaseException) -> None:
        super().handle_perform_error(error)
        CALLS.append(("failed", str(error), self.state, self.stage))
        self.stage = "broken"
        if self.number == "hook broken":
            raise RuntimeError("the hook itself fails")


@pytest.fixture(autouse=True)
def host(engine: Engine) -> Iterator[None]:
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE bill_tickets ({_COLUMNS})"))
    CALLS.clear()
    with registry.scoped():

        @target("Invoice.print", max_attempts=2)
        def print_invoice(*, how: str = "well") -> str:
            CALLS.append(("work", how))
            if how == "fail":
                raise Fail("no paper was ever ordered")
            if how == "postpone":
                raise Postpone(reason="the printer is busy")
            if how == "raise":
                raise ValueError("paper jam")
            return "3 pages"

        yield


_COLUMNS = (
    "id BIGINT PRIMARY KEY REFERENCES counterfoil_tickets(id) ON DELETE CASCADE, "
    "number VARCHAR(50) NOT NULL, stage VARCHAR(50) NOT NULL"
)


def opened(session: Session, number: str = "A-1", **options: Any) -> int:
    ticket = BillTicket(view_model="Invoice.print", number=number, **options)
    session.add(ticket)
    session.commit()
    return ticket.id


def ran(session: Session) -> list[str]:
    verbs = [each.verb for each in run_pending(session)]
    session.commit()
    return verbs


def stage(engine: Engine, id_: int) -> str:
    with engine.connect() as connection:
        return str(
            connection.execute(text("SELECT stage FROM bill_tickets WHERE id = :id"), {"id": id_}).scalar()
        )


def test_own_columns_are_stored_and_hooks_run_in_the_works_transaction(
    session: Session, engine: Engine
) -> None:
    id_ = opened(session)
    assert stage(engine, id_) == "opened"
    assert ran(session) == ["finish"]
    assert CALLS == [("before", "A-1", "running"), ("work", "well"), ("after", "3 pages")]
    assert stage(engine, id_) == "printed"
    found = session.get_one(Ticket, id_, populate_existing=True)
    assert isinstance(found, BillTicket)
    assert (found.state, found.receipt, found.kind) == ("done", "3 pages", "bill")


def test_the_error_hook_is_called_once_for_each_failure_after_the_rollback(
    session: Session, engine: Engine
) -> None:
    id_ = opened(session, params={"how": "raise"})
    assert ran(session) == ["back off"]
    assert CALLS[-1] == ("failed", "paper jam", "pending", "opened")
    assert stage(engine, id_) == "broken"
    with engine.begin() as connection:
        connection.execute(update(Ticket.__table__).values(retry_at=None))  # type: ignore[arg-type]
    session.expire_all()
    assert ran(session) == ["error"]
    assert CALLS[-1] == ("failed", "paper jam", "errored", "broken")
    assert [call[0] for call in CALLS] == ["before", "work", "failed"] * 2


def test_giving_up_is_a_failure_and_a_postponement_is_none(session: Session) -> None:
    opened(session, params={"how": "fail"})
    opened(session, params={"how": "postpone"})
    assert ran(session) == ["fail", "postpone"]
    assert [call for call in CALLS if call[0] == "failed"] == [
        ("failed", "no paper was ever ordered", "failed", "opened")
    ]


def test_what_after_done_raises_takes_the_work_back(session: Session, engine: Engine) -> None:
    id_ = opened(session, "refused after")
    assert ran(session) == ["back off"]
    assert CALLS[-1] == ("failed", "after_done refuses", "pending", "opened")
    assert stage(engine, id_) == "broken"


def test_a_hook_that_fails_is_logged_and_the_ticket_stays_as_it_settled(
    session: Session, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    id_ = opened(session, "hook broken", params={"how": "raise"})
    with caplog.at_level(logging.ERROR, "counterfoil.hooks"):
        assert ran(session) == ["back off"]
    assert f"handle_perform_error of ticket {id_} raised RuntimeError" in caplog.text
    assert stage(engine, id_) == "opened"


def test_a_reporter_is_told_of_each_failure_and_its_own_is_logged(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(engine)
    told: list[Any] = []

    def report(error: BaseException, ticket: Any, verb: str) -> None:
        told.append((repr(error), ticket.id, verb))
        raise SystemExit("no network")

    def fail() -> None:
        raise ValueError("paper jam")

    bench.runner.on_error = report
    bench.work("Press.run", fail, max_attempts=1)
    bench.work("Press.rest")
    one, two = bench.open("Press.run"), bench.open("Press.rest")
    with caplog.at_level(logging.ERROR, "counterfoil.hooks"):
        assert bench.drain() == [(one, "error"), (two, "finish")]
    assert told == [("ValueError('paper jam')", one, "error")]
    assert f"on_error of ticket {one} raised SystemExit" in caplog.text


def test_without_a_kind_and_a_reporter_nothing_is_loaded(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: Any, **named: Any) -> None:
        raise AssertionError("an object was loaded")

    bench = Bench(engine)
    bench.work("Press.rest")
    id_ = bench.open("Press.rest")
    monkeypatch.setattr(Session, "get", never)
    assert bench.drain() == [(id_, "finish")]


def test_a_kind_that_a_worker_does_not_know_is_errored_and_read_as_a_plain_ticket(
    session: Session, engine: Engine
) -> None:
    with engine.begin() as connection:
        values = "(view_model, kind) VALUES ('Invoice.print', 'parcel') RETURNING id"
        id_ = connection.execute(text(f"INSERT INTO counterfoil_tickets {values}")).scalar_one()
    found = session.scalars(select(Ticket)).one()
    assert (type(found), found.kind) == (Ticket, "parcel")
    assert ran(session) == ["error"]
    session.expire_all()
    assert session.get_one(Ticket, id_).error_kind == "resolve"
    assert "the kind 'parcel'" in (session.get_one(Ticket, id_).error or "")
    assert not any(call[0] == "work" for call in CALLS)


def test_a_purge_takes_the_own_row_along(session: Session, engine: Engine) -> None:
    opened(session, keep_receipt_minutes=0)
    assert ran(session) == ["finish"]
    with engine.begin() as connection:
        assert purge(connection) == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM bill_tickets")).scalar() == 0


def test_the_archive_holds_own_columns_of_each_kind_and_of_no_plain_ticket(
    session: Session, engine: Engine, tmp_path: Path
) -> None:
    ids = [opened(session, number, keep_receipt_minutes=0) for number in ("A-1", "A-2")]
    session.add(Ticket(view_model="Invoice.print", keep_receipt_minutes=0))
    assert ran(session) == ["finish"] * 3
    with engine.begin() as connection:
        assert purge(connection, archive=Archive(tmp_path / "archive", "host:1")) == 3
    (file,) = (tmp_path / "archive").iterdir()
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("own") for line in told] == [
        {"number": "A-1", "stage": "printed"},
        {"number": "A-2", "stage": "printed"},
        None,
    ]
    assert [line["id"] for line in told[:2]] == ids


def test_workers_write_down_where_own_columns_are(engine: Engine) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            catalogue.write(connection, registry)
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT kind, table_name, key_column FROM counterfoil_kinds WHERE kind = 'bill'")
        ).one()
    assert tuple(row) == ("bill", "bill_tickets", "id")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_hosts_alembic_owns_the_table_and_leaves_the_products_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bill_tickets"))
        context = MigrationContext.configure(connection, opts={"include_name": not_ours})
        found = compare_metadata(context, HOST)
        assert [(change[0], change[1].name) for change in found] == [("add_table", "bill_tickets")]
        HOST.create_all(connection)
        assert compare_metadata(context, HOST) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kind_that_could_not_be_stored_or_purged_is_refused_where_it_is_declared() -> None:
    bodies: dict[str, dict[str, Any]] = {
        "table of its own": {"__mapper_args__": {"polymorphic_identity": "flat"}},
        "CASCADE": {
            "__mapper_args__": {"polymorphic_identity": "kept"},
            "__tablename__": "kept_tickets",
            "__annotations__": {"id": Mapped[int]},
            "id": mapped_column(ForeignKey(Ticket.id), primary_key=True),
        },
    }
    for n, (told, body) in enumerate(bodies.items()):
        with pytest.raises(KindCannotBe, match=told):
            type(f"Wrong{n}", (Ticket,), {"__module__": __name__, "metadata": MetaData()} | body)
    assert {row["kind"] for row in rows_of(Ticket.__mapper__)} >= {"bill"}
    assert not {row["kind"] for row in rows_of(Ticket.__mapper__)} & {"flat", "kept", None}
