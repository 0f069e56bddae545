"""What a developer gets wrong on the first afternoon: each is told in a sentence, with the cure."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from counterfoil import Counterfoil, Ticket, declare, method, target
from counterfoil.database import same_database
from counterfoil.declaration import Declaration, ParamsDoNotFit, RegistryError
from counterfoil.registry import Registry
from counterfoil.schema import SchemaOutOfDate
from counterfoil.settings import SettingsError, read_settings
from counterfoil.testing import create_tables
from tests.counterfoil.core import Bench


def test_a_host_that_names_no_driver_is_no_second_database(postgresql_url: str) -> None:
    # Workers name psycopg; the application says postgresql://, as our own page tells it to.
    host = create_engine(postgresql_url.replace("+psycopg", ""))
    bench = Bench(host)
    bench.transactions.engine = create_engine(postgresql_url)

    def work() -> None:
        assert bench.current is not None
        bench.current.execute(text("INSERT INTO effect VALUES (1, 'x')"))

    bench.work("T.work", work)
    ticket = bench.open("T.work")
    assert bench.drain() == [(ticket, "finish")]
    bench.transactions.engine.dispose()
    host.dispose()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgresql://a@h/d", "postgresql+psycopg://a@h:5432/d", True),
        ("postgresql://a@h/d", "postgresql+psycopg://a@h/e", False),
        ("sqlite:////a", "sqlite+pysqlite:////a", True),
        ("sqlite:////a", "sqlite:////b", False),
    ],
)
def test_a_database_is_the_same_under_each_drivers_name(one: str, other: str, same: bool) -> None:
    assert same_database(make_url(one), make_url(other)) is same


def test_async_work_is_refused_where_it_is_declared() -> None:
    async def work() -> None: ...

    with pytest.raises(RegistryError, match=r"T\.work: .*work is async.*asyncio\.run"):
        Declaration(name="T.work", sort="target", callables=(work,))


def test_decorators_without_their_brackets_are_refused() -> None:
    with pytest.raises(RegistryError, match=r"@method\(\)"):
        method(lambda self: None)
    with pytest.raises(RegistryError, match="written with a name"):
        target(lambda: None)  # type: ignore[arg-type]


def test_an_option_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(RegistryError, match=r"no option 'retries'; there are .*max_attempts"):
        declare.target("A.b", retries=3)(lambda: None)


def test_a_misspelt_param_is_named() -> None:
    def work(*, copies: int) -> None: ...

    declared = Registry().add(Declaration(name="T.work", sort="target", callables=(work,)))
    with pytest.raises(ParamsDoNotFit, match=r"missing a required.*'copies'; it has no parameter 'copys'"):
        declared.check({"copys": 3})


def test_a_ticket_that_could_never_run_is_refused() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for earliest, expires in (
        (timedelta(hours=2), timedelta(hours=1)),
        (later, later - timedelta(seconds=1)),
    ):
        with pytest.raises(ValueError, match="could never run"):
            Ticket(view_model="T.work", execute_earliest=earliest, expires_at=expires)
    Ticket(view_model="T.work", execute_earliest=timedelta(hours=1), expires_at=later)


def test_a_database_without_our_tables_is_told_the_cure(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'bare.sqlite3'}")
    sessions = sessionmaker(engine)
    Counterfoil(sessions, redis_url=None)
    with sessions() as session:
        session.add(Ticket(view_model="T.work"))
        with pytest.raises(SchemaOutOfDate, match="counterfoil db upgrade"):
            session.commit()
    engine.dispose()


def test_a_test_can_have_our_tables_in_memory() -> None:
    engine = create_engine("sqlite://")
    create_tables(engine)
    with Session(engine) as session:
        session.add(Ticket(view_model="T.work"))
        session.commit()
        assert session.execute(text("SELECT aside FROM counterfoil_tickets")).scalar_one() == "unknown"
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REDIS_URL", "nonsense", "REDIS_URL='nonsense': use redis://"),
        ("COUNTERFOIL_URL", "foo", "COUNTERFOIL_URL='foo': use the console's address"),
    ],
)
def test_addresses_that_are_none_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value).startswith(told)


def test_a_password_that_is_refused_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_WEBHOOK_URL", "https://hooks.example")
    monkeypatch.setenv("COUNTERFOIL_WEBHOOK_SECRET", "canary")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "canary" not in str(refused.value)


def test_trusted_hosts_have_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_TRUSTED_HOSTS", "tickets.internal, tickets")
    assert read_settings().trusted_hosts == ("tickets.internal", "tickets")
    monkeypatch.setenv("COUNTERFOIL_TRUSTED_HOSTS", '["tickets.internal"]!')
    with pytest.raises(SettingsError, match=r"COUNTERFOIL_TRUSTED_HOSTS=.*commas"):
        read_settings()
