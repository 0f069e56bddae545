"""The columns that an index has before the id that its walk is sorted by, each bound to one value.

PostgreSQL takes a column that equals one value out of ORDER BY; then any index of ids serves the rest, and
with a limit the primary key looks cheapest: to find 10,000 of one view model it read 367,000 of a million
tickets, in 65 ms, and from a place on as many again, to sort them (tried; by the view models' index 12 ms).
As a list of one value the column stays in the order, and a place that is compared with all of the index's
columns bounds that index alone. SQLite takes the index that bounds most, told the plain way.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement, any_, literal, tuple_
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from .keyset import Place, is_beyond
from .ticket import Ticket


@dataclass(frozen=True)
class Lead:
    """The columns and their values; only the first may be a value that was given, the next is the state."""

    columns: tuple[Any, ...]
    values: tuple[Any, ...]

    @property
    def is_met(self) -> ColumnElement[bool]:
        """The first has its value; who names the state does so in words, which prove a partial index."""
        column, value = self.columns[0], literal(self.values[0], self.columns[0].type)
        return _Condition(column == value, column == any_(array([value])))

    def beyond(self, place: Place, descending: bool, inclusive: bool = False) -> ColumnElement[bool]:
        """Of these rows, those whose ids come after a place's, or with it."""
        left, right = tuple_(*self.columns, Ticket.id), tuple_(*self.values, place.id)
        return _Condition(
            is_beyond(Ticket.id.expression, place.id, descending, inclusive),
            is_beyond(left, right, descending, inclusive),
        )


class _Condition(ColumnElement[bool]):
    """One condition in two ways: plainly, and so that PostgreSQL's planner has no other index for it."""

    _traverse_internals = [
        ("plain", InternalTraversal.dp_clauseelement),
        ("on_postgresql", InternalTraversal.dp_clauseelement),
    ]
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True

    def __init__(self, plain: Any, on_postgresql: Any) -> None:
        self.plain = plain
        self.on_postgresql = on_postgresql


@compiles(_Condition)
def _plainly(element: _Condition, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.plain, **kw)


@compiles(_Condition, "postgresql")
def _for_the_planner(element: _Condition, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.on_postgresql, **kw)
