"""Our Alembic is the only owner of our tables, and makes what the models say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from counterfoil import not_ours, schema
from counterfoil.base import Base
from counterfoil.schema import SchemaOutOfDate
from counterfoil.sqlite import prepare
from counterfoil.text_index import TABLES
from tests.migrations.catalogue import catalogue


@pytest.fixture
def empty(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database without tables, of the dialect of `engine`."""
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    if engine.dialect.name == "postgresql":
        url = str(request.getfixturevalue("empty_postgresql_url"))
    made = prepare(create_engine(url))
    yield made
    made.dispose()


def read(engine: Engine) -> dict[str, set[str]]:
    with engine.connect() as connection:
        return catalogue(connection)


def test_the_migrations_make_what_the_models_say(engine: Engine, empty: Engine) -> None:
    Base.metadata.create_all(empty)
    migrated, created = read(engine), read(empty)
    for kind in created:
        assert len(created[kind]) >= 1, kind
        assert migrated[kind] - created[kind] == set(), f"{kind} that only the migrations make"
        assert created[kind] - migrated[kind] == set(), f"{kind} that only the models have"


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX counterfoil_tickets_claim",
        "ALTER TABLE counterfoil_tickets ADD COLUMN surplus INTEGER DEFAULT 7",
        "ALTER TABLE counterfoil_logs DROP COLUMN message",
        "DROP TRIGGER counterfoil_tickets_decide{}",
    ],
)
def test_the_comparison_sees_a_difference(engine: Engine, empty: Engine, change: str) -> None:
    Base.metadata.create_all(empty)
    with engine.begin() as connection:
        postgresql = engine.dialect.name == "postgresql"
        trigger = " ON counterfoil_tickets" if postgresql else "_insert"
        connection.execute(text(change.format(trigger)))
    assert read(engine) != read(empty)


def test_alembic_itself_finds_nothing_to_do(engine: Engine) -> None:
    def of_this_dialect(item: Any, name: str, kind: str, reflected: bool, other: Any) -> bool:
        # Alembic looks past `ddl_if`, by which an index is one dialect's alone.
        only = item._ddl_if if kind == "index" and not reflected else None
        return only is None or only.dialect == engine.dialect.name

    def known(name: str, kind: str, _: object) -> bool:
        return kind != "table" or (name.startswith("counterfoil_") and not name.startswith(TABLES))

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": schema.VERSION_TABLE,
                "include_name": known,
                "include_object": of_this_dialect,
            },
        )
        assert compare_metadata(context, Base.metadata) == []


def test_a_hosts_autogenerate_leaves_our_tables_alone(engine: Engine) -> None:
    class Host(DeclarativeBase):
        pass

    class Customer(Host):
        __tablename__ = "customers"
        id: Mapped[int] = mapped_column(primary_key=True)

    def proposed(**options: Any) -> str:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=options)
            upgrade = produce_migrations(context, Host.metadata).upgrade_ops
            assert upgrade is not None
            return render_python_code(upgrade)

    with_us = proposed(include_name=not_ours)
    assert "create_table('customers'" in with_us
    assert "counterfoil" not in with_us
    assert "drop_table('counterfoil_tickets')" in proposed(), "what it does without include_name"


def test_a_hosts_own_migrations_and_ours_live_side_by_side(empty: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "host"
    (folder / "versions").mkdir(parents=True)
    (folder / "script.py.mako").write_text("")
    (folder / "env.py").write_text(
        "from alembic import context\n"
        "from sqlalchemy import MetaData\n"
        "from counterfoil import not_ours\n"
        "connection = context.config.attributes['connection']\n"
        "context.configure(connection=connection, target_metadata=MetaData(), include_name=not_ours)\n"
        "with context.begin_transaction():\n    context.run_migrations()\nconnection.commit()\n"
    )
    (folder / "versions" / "a.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'aaa'\ndown_revision = None\n"
        "def upgrade(): op.create_table('customers', sa.Column('id', sa.Integer, primary_key=True))\n"
        "def downgrade(): op.drop_table('customers')\n"
    )
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    for first, second in ((_theirs, _ours), (_ours, _theirs)):
        first(made, empty)
        second(made, empty)
    schema.check(empty)
    with empty.connect() as connection:
        tables = set(inspect(connection).get_table_names())
    assert {"customers", "alembic_version", "counterfoil_tickets", schema.VERSION_TABLE} <= tables
    _theirs(made, empty, "base")
    schema.check(empty)


def _theirs(config: Config, engine: Engine, to: str = "head") -> None:
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if to == "head" else command.downgrade)(config, to)


def _ours(config: Config, engine: Engine) -> None:
    schema.upgrade(engine)


def test_a_database_without_our_tables_is_told_with_the_cure(empty: Engine) -> None:
    with pytest.raises(SchemaOutOfDate, match=r"without Counterfoil's tables.*counterfoil db upgrade"):
        schema.check(empty)
    MetaData().create_all(empty)
    schema.upgrade(empty)
    schema.check(empty)


def test_a_database_that_is_newer_than_the_code_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    for act in (schema.check, schema.upgrade):
        with pytest.raises(SchemaOutOfDate, match="revision 9999, which this version"):
            act(engine)


def test_who_may_not_create_the_trigram_extension_is_told_what_to_run(empty_postgresql_url: str) -> None:
    engine = create_engine(empty_postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE counterfoil_of_few_rights"))
        connection.execute(text("GRANT ALL ON SCHEMA public TO counterfoil_of_few_rights"))
    few = create_engine(empty_postgresql_url, connect_args={"options": "-c role=counterfoil_of_few_rights"})
    try:
        with pytest.raises(SchemaOutOfDate, match=r"owner of the database run `CREATE EXTENSION.*pg_trgm;`"):
            schema.upgrade(few)
        with engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION pg_trgm"))
        schema.upgrade(few)
        schema.check(few)
    finally:
        few.dispose()
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY counterfoil_of_few_rights"))
            connection.execute(text("DROP ROLE counterfoil_of_few_rights"))
        engine.dispose()
