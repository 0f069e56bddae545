"""Pieces of text found by PostgreSQL's trigram indexes over labels and errors.

Labels of tickets that run are left out of theirs, so that a claim writes nothing to it; they are found by the
index of what runs, which is short.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select, select, text, union_all

from ..ticket import Ticket
from .rarity import all_of, are_rare
from .sql import like


def find(
    connection: Connection, columns: Sequence[str], words: str, besides: Sequence[Select[Any]], most: int
) -> set[int] | None:
    """Ids of tickets whose `columns` (label, error) bear the words, and of `besides`.

    None: they are more than `most`, or the planner expects so.
    """
    by_trigrams = [_INDEXED[column](words) for column in columns]
    if not are_rare(connection, by_trigrams):
        return None
    others = [*besides, *([_running_labels(words)] if "label" in columns else [])]
    found: set[int] = set()
    if others:
        each = [query.limit(most + 1).subquery().select() for query in others]
        found |= set(connection.execute(union_all(*each)).scalars())
    with _bitmaps(connection):
        for query in map(all_of, by_trigrams):
            if len(found) > most:
                return None
            found |= set(connection.execute(query.limit(most + 1)).scalars())
    return found if len(found) <= most else None


@contextmanager
def _bitmaps(connection: Connection) -> Iterator[None]:
    """Trigrams are read by a bitmap alone, which the console's engine switches off."""
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = on")
    yield
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")


def _labels(words: str) -> Select[Any]:
    indexed = text("counterfoil_tickets.state <> 'running'")
    return select(Ticket.id).where(like(Ticket.root_label, words), Ticket.root_label.is_not(None), indexed)


def _running_labels(words: str) -> Select[Any]:
    running = text("counterfoil_tickets.state = 'running'")
    return select(Ticket.id).where(like(Ticket.root_label, words), running)


def _errors(words: str) -> Select[Any]:
    return select(Ticket.id).where(Ticket.error.is_not(None), like(Ticket.error, words))


_INDEXED: dict[str, Callable[[str], Select[Any]]] = {"label": _labels, "error": _errors}
