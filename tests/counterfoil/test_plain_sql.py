"""A row inserted by plain SQL, from any language, is a full ticket (O24)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from counterfoil import Ticket
from tests.counterfoil.firm import firm


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


def insert(engine: Engine, **columns: Any) -> Any:
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    with engine.begin() as connection:
        made = connection.execute(
            text(f"INSERT INTO counterfoil_tickets ({names}) VALUES ({values}) RETURNING id"), columns
        ).scalar_one()
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT * FROM counterfoil_tickets WHERE id = :id"), {"id": made}
        ).one()


def test_a_row_with_only_its_view_model_and_root_is_a_full_ticket(host: Any, engine: Engine) -> None:
    row = insert(engine, view_model="Customer.assign_number", root_id="Customer!42")
    assert (row.queue, row.priority, row.lane) == ("numbers", 3, "number:Customer!42")
    assert (row.max_attempts, row.keep_receipt_minutes) == (5, 10)
    assert (row.state, bool(row.turn), row.aside, row.moves) == ("pending", True, None, 0)
    assert len(row.token) == 32
    assert (row.opened_via, row.kind) == ("sql", "ticket")
    assert row.due_at == row.opened_at


def test_explicit_values_win(host: Any, engine: Engine) -> None:
    row = insert(
        engine,
        view_model="Customer.assign_number",
        root_id="Customer!42",
        queue="fast",
        priority=1,
        lane="mine",
        max_attempts=1,
        keep_receipt_minutes=0,
        in_charge="bob",
    )
    assert (row.queue, row.priority, row.lane) == ("fast", 1, "mine")
    assert (row.max_attempts, row.keep_receipt_minutes, row.in_charge) == (1, 0, "bob")


def test_an_operators_route_decides_the_queue(host: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_view_models SET route = 'slow'"))
    assert insert(engine, view_model="Mail.send").queue == "slow"


def test_an_unknown_view_model_waits_aside_and_a_paused_one_too(host: Any, engine: Engine) -> None:
    row = insert(engine, view_model="Nobody.knows")
    assert (row.state, bool(row.turn), row.aside) == ("pending", False, "unknown")
    assert row.aside_since is not None
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_view_models SET paused = true"))
    row = insert(engine, view_model="Mail.send")
    assert (bool(row.turn), row.aside, row.queue) == (False, "paused", "default")


def test_a_second_ticket_of_a_lane_waits_without_a_turn(host: Any, engine: Engine) -> None:
    first, second = (
        insert(engine, view_model="Customer.assign_number", root_id="Customer!42") for _ in range(2)
    )
    assert (bool(first.turn), bool(second.turn), second.aside) == (True, False, None)
    other = insert(engine, view_model="Customer.assign_number", root_id="Customer!43")
    assert bool(other.turn)


def test_held_is_kept(host: Any, engine: Engine) -> None:
    row = insert(engine, view_model="Mail.send", state="held")
    assert (row.state, bool(row.turn), row.aside) == ("held", False, None)


@pytest.mark.parametrize(
    "columns", [{"state": "ready"}, {"priority": 2}, {"keep_receipt_minutes": -1}, {"max_attempts": 0}]
)
def test_nonsense_is_refused_by_the_table(host: Any, engine: Engine, columns: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)check"):
        insert(engine, view_model="Mail.send", **columns)


def test_postgresql_notifies_of_rows_by_plain_sql_and_not_of_ours(postgresql_url: str) -> None:
    import psycopg

    engine = create_engine(postgresql_url)
    heard: list[tuple[str, str]] = []
    with (
        firm(engine),
        psycopg.connect(
            postgresql_url.replace("postgresql+psycopg", "postgresql"), autocommit=True
        ) as listener,
    ):
        listener.execute("LISTEN counterfoil")
        insert(engine, view_model="Customer.assign_number", root_id="Customer!1")
        insert(engine, view_model="Nobody.knows")
        with Session(engine) as session:
            session.add(Ticket(view_model="Mail.send"))
            session.commit()
        insert(engine, view_model="Mail.send", queue="last")
        for notice in listener.notifies(timeout=60, stop_after=2):
            heard.append((notice.channel, notice.payload))
    engine.dispose()
    assert heard == [("counterfoil", "numbers"), ("counterfoil", "last")]


def test_the_trail_is_append_only_by_the_databases_word(host: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO counterfoil_trail (actor, via, verb) VALUES ('ada', 'console', 'retry')")
        )
    for statement in ("UPDATE counterfoil_trail SET actor = 'bob'", "DELETE FROM counterfoil_trail"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))


def test_an_old_entry_of_the_trail_may_be_purged(host: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO counterfoil_trail (actor, via, verb, at) "
                "VALUES ('ada', 'console', 'retry', '2001-01-01 00:00:00.000000')"
            )
        )
        assert connection.execute(text("DELETE FROM counterfoil_trail")).rowcount == 1
