"""Pieces of text found by PostgreSQL's trigram indexes over labels and errors.

Labels of tickets that run are left out of theirs, so that a claim writes nothing to it; they are found by the
index of what runs, which is short.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select, select, text, union_all

from ..ticket import Ticket
from .rarity import are_rare, were_common
from .sql import like, pattern_of

_INDEXED = {
    "label": "SELECT id FROM counterfoil_tickets WHERE root_label ILIKE :pattern ESCAPE '\\' "
    "AND root_label IS NOT NULL AND state <> 'running'",
    "error": "SELECT id FROM counterfoil_tickets WHERE error ILIKE :pattern ESCAPE '\\' "
    "AND error IS NOT NULL",
}


def find(
    connection: Connection, columns: Sequence[str], words: str, besides: Sequence[Select[Any]], most: int
) -> set[int] | None:
    """Ids of tickets whose `columns` (label, error) bear the words, and of `besides`.

    None: they are more than `most`, or the planner expects so.
    """
    by_trigrams = [_INDEXED[column] for column in columns]
    pattern = pattern_of(words)
    if not are_rare(connection, by_trigrams, pattern):
        return None
    others = [*besides, *([_running_labels(words)] if "label" in columns else [])]
    each = [query.limit(most + 1).subquery().select() for query in others]
    each += [_whole(query, pattern, most + 1) for query in by_trigrams]
    with _bitmaps(connection):
        found = set(connection.execute(union_all(*each)).scalars().all())
    if len(found) <= most:
        return found
    were_common(connection, by_trigrams, pattern)
    return None


def _whole(query: str, pattern: str, most: int) -> Select[Any]:
    """The query as one whose every row is wanted: a LIMIT alone would let the plan hope for an early end."""
    whole = f"SELECT id FROM ({query} OFFSET 0) AS indexed ORDER BY id DESC LIMIT :most"
    return text(whole).bindparams(pattern=pattern, most=most).columns(Ticket.id).subquery().select()


@contextmanager
def _bitmaps(connection: Connection) -> Iterator[None]:
    """Trigrams are read by a bitmap alone, which the console's engine switches off."""
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = on")
    yield
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")


def _running_labels(words: str) -> Select[Any]:
    running = text("counterfoil_tickets.state = 'running'")
    return select(Ticket.id).where(like(Ticket.root_label, words), running)
