"""The tickets that a search can mean, found by an index of its words instead of by a walk over the list.

A walk finds what is common at once and what is rare only by looking through everything. So what a walk does
not find in its stretch is asked here: params by their own index, on PostgreSQL texts by the trigram indexes.
The ids found are a superset: every row must still pass the search.

Limits: more than `MOST` candidates are none (then the walk is the better way); three characters at least;
`not` bounds nothing. SQLite has no index of texts: docs/decisions/0012.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Select, select, text, union_all

from ..keyset import MAX_ID
from ..tables import TicketParam
from ..ticket import Ticket
from .rarity import all_of, are_rare
from .sql import like, names_with, params_with, roots_of_key
from .tree import And, Node, Not, Or, Term

MOST = 1000
LEAST_CHARACTERS = 3
"""A shorter text has no trigram."""

_TRIED = 3
_RUNNING = text("counterfoil_tickets.state = 'running'")


def lookup(connection: Connection, node: Node | None) -> list[int] | None:
    """Ids among which are all tickets of a search; None when no index bounds it."""
    if node is None or isinstance(node, Not):
        return None
    if isinstance(node, Term):
        return _of_term(connection, node)
    if isinstance(node, Or):
        found: set[int] = set()
        for part in node.parts:
            ids = lookup(connection, part)
            if ids is None or len(found | set(ids)) > MOST:
                return None
            found |= set(ids)
        return sorted(found)
    for part in sorted(node.parts, key=_promise)[:_TRIED]:
        ids = lookup(connection, part)
        if ids is not None:
            return ids
    return None


def _promise(node: Node) -> tuple[int, int]:
    """Sorts what is likely to be rare first: params, then texts with digits, then long ones."""
    if not isinstance(node, Term):
        return (2, 0) if isinstance(node, Or | And) else (4, 0)
    if node.field == "param":
        return 0, 0
    if node.field not in ("", "label", "error"):
        return 3, 0
    return 1 if any(letter.isdigit() for letter in node.value) else 2, -len(node.value)


def _of_term(connection: Connection, term: Term) -> list[int] | None:
    if term.field == "param":
        return _all(connection, [params_with(term).order_by(TicketParam.ticket_id.desc())])
    if connection.dialect.name != "postgresql" or len(term.value) < LEAST_CHARACTERS:
        return None
    if term.field == "label":
        return _all(connection, [_running_labels(term.value)], [_labels(term.value)])
    if term.field == "error":
        return _all(connection, [], [_errors(term.value)])
    if term.field:
        return None
    return _all(connection, _texts(term.value), [_labels(term.value), _errors(term.value)])


def _all(
    connection: Connection, queries: Iterable[Select[Any]], by_trigrams: Iterable[Select[Any]] = ()
) -> list[int] | None:
    """What all of them find; None as soon as it is too much."""
    trigrams = list(by_trigrams)
    if trigrams and not are_rare(connection, trigrams):
        return None
    found: set[int] = set()
    each = [query.limit(MOST + 1).subquery().select() for query in queries]
    if each:
        found |= set(connection.execute(union_all(*each)).scalars())
        if len(found) > MOST:
            return None
    with _bitmaps(connection) if trigrams else nullcontext():
        for query in map(all_of, trigrams):
            found |= set(connection.execute(query.limit(MOST + 1)).scalars())
            if len(found) > MOST:
                return None
    return sorted(found)


@contextmanager
def _bitmaps(connection: Connection) -> Iterator[None]:
    """Trigrams are read by a bitmap alone, which the console's engine switches off."""
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = on")
    yield
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")


def _texts(words: str) -> list[Select[Any]]:
    """Where free text is looked for, what is found fastest first."""
    ids = select(Ticket.id)
    queries = [ids.where(Ticket.token == words), ids.where(Ticket.root_id == words)]
    if words.isascii() and words.isdigit() and int(words[:20]) <= MAX_ID:
        queries.append(ids.where(Ticket.id == int(words)))
    queries.append(ids.where(Ticket.root_id.in_(roots_of_key(words))))
    queries += [ids.where(Ticket.view_model == words), ids.where(Ticket.view_model.in_(names_with(words)))]
    return [*queries, _running_labels(words)]


def _labels(words: str) -> Select[Any]:
    # What runs is left out of the index, so that a claim does not write to it; its own index is short.
    indexed = text("counterfoil_tickets.state <> 'running'")
    return select(Ticket.id).where(like(Ticket.root_label, words), Ticket.root_label.is_not(None), indexed)


def _running_labels(words: str) -> Select[Any]:
    return select(Ticket.id).where(like(Ticket.root_label, words), _RUNNING)


def _errors(words: str) -> Select[Any]:
    return select(Ticket.id).where(Ticket.error.is_not(None), like(Ticket.error, words))
