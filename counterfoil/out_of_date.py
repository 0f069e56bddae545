"""Refusal of a database whose schema is another one. Apart from `schema`: an application needs no Alembic."""


class SchemaOutOfDate(RuntimeError):
    """The database's schema is not the one that this code needs."""
