"""The declarative base of the product's own tables.

The core keeps its tables on a base of its own: they live in the host's database under `counterfoil_...`
names, and neither the host's metadata nor its migrations know them.
"""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
PREFIX = "counterfoil_"


class Base(DeclarativeBase):
    """Base class of every mapped class of the product; all table names begin with `counterfoil_`."""

    metadata = MetaData(naming_convention=NAMING)


def not_ours(name: str | None, type_: str, parent_names: object = None) -> bool:
    """`include_name` for a host's Alembic env.py: keeps its autogenerate away from our tables.

    Without it `alembic revision --autogenerate` proposes to drop every table it does not know.
    """
    return not (type_ == "table" and name is not None and name.startswith(PREFIX))
