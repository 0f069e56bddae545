"""Alembic's environment for the product's own tables; a host's migrations have their own."""

from alembic import context

from counterfoil import ticket, triggers  # noqa: F401 - declares the tables and triggers
from counterfoil.base import PREFIX, Base
from counterfoil.schema import VERSION_TABLE
from counterfoil.text_index import TABLES


def ours(name: str | None, type_: str, parent_names: object) -> bool:
    return type_ != "table" or ((name or "").startswith(PREFIX) and not (name or "").startswith(TABLES))


options = {
    "target_metadata": Base.metadata,
    "version_table": VERSION_TABLE,
    "include_name": ours,
    "transaction_per_migration": False,
}

if context.is_offline_mode():
    context.configure(url=context.config.get_main_option("sqlalchemy.url"), literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite", **options)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
