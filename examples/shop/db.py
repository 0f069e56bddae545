"""The shop's own database object and the making of its own tables."""

from typing import TYPE_CHECKING

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.schema import CreateTable


class Base(DeclarativeBase):
    """Base of the shop's models; its metadata holds the shop's tables only."""


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base  # Flask-SQLAlchemy makes db.Model at run time, where no type checker sees it
else:
    Model = db.Model


def create_tables() -> None:
    """Create what is missing. Safe when web process, workers and scheduler start at the same moment."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # IF NOT EXISTS alone still races there: two sessions may both find no table.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('shop tables'))"))
        for table in db.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
