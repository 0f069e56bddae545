"""Statements of the hot path: SQLAlchemy's transaction, types and errors, without its way to the driver."""

import pytest
from sqlalchemy import Boolean, Engine, Integer, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from counterfoil import door
from counterfoil.columns import Json
from counterfoil.hot import Hot
from counterfoil.verdict import is_away

_READ = Hot(
    lambda dialect: door.typed("SELECT :number + 1, :yes, :receipt", number=Integer(), yes=Boolean()),
    (Integer(), Boolean(), Json),
)
_ADD = Hot(lambda dialect: door.typed("INSERT INTO counterfoil_queues (name) VALUES (:queue) RETURNING name"))


def test_values_go_in_and_come_out_by_their_types(engine: Engine) -> None:
    with engine.connect() as connection:
        row = _READ.first(connection, {"number": 1, "yes": True, "receipt": {"sent": [1, None, "ü"]}})
    assert row is not None
    assert list(row) == [2, True, {"sent": [1, None, "ü"]}]
    assert row[1] is True


def test_it_belongs_to_the_connections_transaction(engine: Engine) -> None:
    count = text("SELECT count(*) FROM counterfoil_queues")
    with engine.connect() as connection:
        assert _ADD.first(connection, {"queue": "one"}) is not None
        connection.rollback()
        assert connection.execute(count).scalar() == 0
        assert _ADD.first(connection, {"queue": "two"}) is not None
        connection.commit()
    with engine.connect() as connection:
        assert connection.execute(count).scalar() == 1


def test_errors_are_sqlalchemys(engine: Engine) -> None:
    wrong = Hot(lambda dialect: text("SELECT nothing FROM counterfoil_queues"))
    with engine.connect() as connection:
        _ADD.first(connection, {"queue": "one"})
        with pytest.raises(IntegrityError):
            _ADD.first(connection, {"queue": "one"})
        connection.rollback()
        with pytest.raises((ProgrammingError, OperationalError)):
            wrong.first(connection, {})
        connection.rollback()
        assert _ADD.first(connection, {"queue": "one"}) is not None


def test_a_connection_that_was_hung_up_is_away_and_made_anew(postgresql_url: str) -> None:
    from counterfoil.database import make_engine

    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.rollback()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DBAPIError) as raised:
            _ADD.first(connection, {"queue": "one"})
        assert raised.value.connection_invalidated
        assert is_away(raised.value)
        connection.rollback()
        assert _ADD.first(connection, {"queue": "one"}) is not None
    engine.dispose()


def test_whoever_listens_for_statements_hears_these_too(engine: Engine) -> None:
    heard: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    with engine.connect() as connection:
        _ADD.first(connection, {"queue": "one"})
    assert any("INSERT INTO counterfoil_queues" in sql for sql in heard)
