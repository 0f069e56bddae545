"""Pieces of text found by SQLite's index of texts, and beside it among the tickets that are not in it yet."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, literal_column, or_, select, table, text, union_all
from sqlalchemy import column as column_of

from ..ticket import Ticket
from .rarity import are_common, were_common
from .sql import like

MOST_BEHIND = 10_000
"""Tickets that are not in the index yet; were they more, to look through them would be the dearer way."""

_TAKEN_OTHERWISE = "\0\u037f\u03f3"
"""The end of a text to FTS5, and a Greek letter whose capital came late."""

_TEXTS = table("counterfoil_texts", column_of("rowid"))
_DUE = table("counterfoil_texts_due", column_of("ticket_id"))
_BEHIND = text(
    "SELECT max((SELECT coalesce(max(id), 0) FROM counterfoil_tickets) - ticket_id, "
    f"(SELECT count(*) FROM (SELECT 1 FROM counterfoil_texts_due LIMIT {MOST_BEHIND + 1}))) "
    "FROM counterfoil_texts_place"
)
_PAST = text("counterfoil_tickets.id > (SELECT ticket_id FROM counterfoil_texts_place)")
_COLUMNS = {"label": Ticket.root_label, "error": Ticket.error}


def find(
    connection: Connection, columns: Sequence[str], words: str, besides: Sequence[Select[Any]], most: int
) -> set[int] | None:
    """Ids of tickets whose `columns` (label, error) bear the words, and of `besides`; None: more than `most`.

    None, too, while the index is far behind, and for a text that FTS5 takes in another way.
    """
    if not all(map(_is_known, words)) or are_common(connection, columns, words):
        return None
    if connection.execute(_BEHIND).scalar_one() > MOST_BEHIND:
        return None
    bear = or_(*(like(_COLUMNS[column], words) for column in columns))
    # Each that is due is looked up by its id: to IN a planner might prefer some index of the tickets.
    due: Select[Any] = select(_DUE.c.ticket_id).where(
        select(Ticket.id).where(Ticket.id == _DUE.c.ticket_id, bear).exists()
    )
    indexed: Select[Any] = select(_TEXTS.c.rowid).where(_match(columns, words))
    queries = [*besides, indexed, select(Ticket.id).where(_PAST, bear), due]
    # One statement, one moment: what the indexer moves meanwhile is in both places or in one.
    each = [query.limit(most + 1).subquery().select() for query in queries]
    found = set(connection.execute(union_all(*each)).scalars().all())
    if len(found) <= most:
        return found
    were_common(connection, columns, words)
    return None


def _is_known(letter: str) -> bool:
    """Whether FTS5 folds it as `folded` does: letters that came late to Unicode are missing in its tables."""
    forms = letter + letter.lower() + letter.upper()
    early = all(form <= "\u0527" or "\u1e00" <= form <= "\u1fff" for form in forms)
    return letter not in _TAKEN_OTHERWISE and (early or letter.lower() == letter.upper())


def _match(columns: Sequence[str], words: str) -> Any:
    """The condition of FTS5, for one phrase in some of its columns; letters of any case are alike to it."""
    phrase = words.replace('"', '""')
    return literal_column("counterfoil_texts").op("MATCH")(f'{{{" ".join(columns)}}} : "{phrase}"')
