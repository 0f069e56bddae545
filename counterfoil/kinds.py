"""Kinds of tickets: subclasses with own columns, in a table of the host's (joined inheritance).

    class InvoiceTicket(Ticket):
        __tablename__ = "invoice_tickets"
        metadata = db.metadata                    # the host's Alembic owns the table
        __mapper_args__ = {"polymorphic_identity": "invoice"}
        id: Mapped[int] = mapped_column(ForeignKey(Ticket.id, ondelete="CASCADE"), primary_key=True)
        invoice_number: Mapped[str]

A process that does not know a kind - the console, another application on the same database - sees its rows as
plain tickets. Source: SQLAlchemy's joined table inheritance.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

PLAIN = "ticket"


class KindCannotBe(TypeError):
    """A subclass of Ticket that could not be stored or purged; the text has the cure."""


class Kinds(dict[Any, Any]):
    """The polymorphic map of Ticket, in which an unknown kind is a plain ticket instead of an error."""

    def __missing__(self, kind: Any) -> Any:
        return self[PLAIN]


def check(cls: type[Any]) -> None:
    """Called when a subclass is mapped. Raises KindCannotBe."""
    mapper: Mapper[Any] = cls.__mapper__
    if wrong := _wrong(mapper):
        mapper.polymorphic_map.pop(mapper.polymorphic_identity, None)
        raise KindCannotBe(f"{cls.__name__}, a kind of ticket, needs {wrong}")


def _wrong(mapper: "Mapper[Any]") -> str | None:
    kind, parent = mapper.polymorphic_identity, mapper.inherits
    if not isinstance(kind, str) or not 1 <= len(kind) <= 50:
        return '__mapper_args__ = {"polymorphic_identity": "a name of at most 50 characters"}'
    if parent is None or mapper.local_table is parent.local_table:
        return "a table of its own (__tablename__, joined inheritance): ours take no further columns"
    keys = list(mapper.local_table.primary_key)
    links = [link for column in keys for link in column.foreign_keys]
    if len(keys) != 1 or not any((link.ondelete or "").upper() == "CASCADE" for link in links):
        return (
            'one key, ForeignKey(Ticket.id, ondelete="CASCADE"): otherwise its receipts could never be purged'
        )
    return None


def rows_of(mapper: "Mapper[Any]") -> list[dict[str, Any]]:
    """What a worker writes down of each kind that this process knows, for the console."""
    return [
        {
            "kind": kind,
            "table_name": _table(each).name,
            "schema_name": _table(each).schema,
            "key_column": next(iter(_table(each).primary_key)).name,
            "columns": [column.name for column in _table(each).columns if not column.primary_key],
        }
        for kind, each in sorted(mapper.polymorphic_map.items())
        if kind != PLAIN
    ]


def _table(mapper: "Mapper[Any]") -> Table:
    assert isinstance(mapper.local_table, Table)
    return mapper.local_table
