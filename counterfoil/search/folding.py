"""Columns whose letters are compared whatever their case, at the least cost.

PostgreSQL folds both sides of ILIKE by the column's collation: in UTF-8 every letter as a wide one, 40 ms of
10,000 errors. Words of ASCII find the same by the collation "C", in 4 ms. An index of the column has its own
collation, so what is to be found by an index is asked for without this.

SQLite folds the letters A to Z alone, so for words with others it asks a function of ours (`sqlite.prepare`).
Its LIKE does so by itself; SQLAlchemy's ILIKE has both sides in small letters first, a copy of each row.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

FUNCTION = "counterfoil_folded"


def folded(text: str | None) -> str | None:
    """The text in small letters, each by itself, as FTS5 and ILIKE fold them."""
    if text is None or "İ" not in text:
        return text and text.lower().replace("ς", "\N{GREEK SMALL LETTER SIGMA}")
    return "İ".join(folded(part) or "" for part in text.split("İ"))  # its small letter is two


class _Text(ColumnElement[str]):
    """A column or value as it is, but where a dialect has it folded."""

    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]
    inherit_cache = True

    def __init__(self, column: Any) -> None:
        self.column = column
        self.type = column.type


class FoldsAscii(_Text):
    """The column, with the letters A to Z alone folded; SQLite folds no others anyway."""

    inherit_cache = True


class FoldsAll(_Text):
    """The text, with the letters of every alphabet folded; both sides of a comparison are to be."""

    inherit_cache = True


class Matches(ColumnElement[bool]):
    """The text fits LIKE's pattern, a backslash its escape, whatever the case of the letters that fold."""

    _traverse_internals = [
        ("column", InternalTraversal.dp_clauseelement),
        ("pattern", InternalTraversal.dp_clauseelement),
    ]
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # a condition as it stands: SQLite has no booleans to compare it with

    def __init__(self, column: Any, pattern: Any) -> None:
        self.column = column
        self.pattern = pattern


@compiles(Matches)
def _ilike(element: Matches, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column.ilike(element.pattern, escape="\\"), **kw)


@compiles(Matches, "sqlite")
def _like(element: Matches, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column.like(element.pattern, escape="\\"), **kw)


@compiles(_Text)
def _as_it_is(element: _Text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column, **kw)


@compiles(FoldsAscii, "postgresql")
def _by_the_letter(element: FoldsAscii, compiler: SQLCompiler, **kw: Any) -> str:
    return f'({compiler.process(element.column, **kw)} COLLATE "C")'


@compiles(FoldsAll, "sqlite")
def _by_our_function(element: FoldsAll, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{FUNCTION}({compiler.process(element.column, **kw)})"
