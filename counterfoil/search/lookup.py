"""The tickets that a search can mean, found by an index of its words instead of by a walk over the list.

A walk finds what is common at once and what is rare only by looking through everything. So what a walk does
not find in its stretch is asked here: params by their own index, texts by PostgreSQL's trigram indexes or
SQLite's index of texts. The ids found are a superset: every row must still pass the search.

Limits: more than `MOST` candidates are none (then the walk is the better way); three characters at least;
`not` bounds nothing. Source: docs/decisions/0012.
"""

from typing import Any

from sqlalchemy import Connection, Select, select

from ..keyset import MAX_ID
from ..tables import TicketParam
from ..ticket import Ticket
from . import full_text, trigrams
from .sql import names_with, params_with, roots_of_key
from .tree import And, Node, Not, Or, Term

MOST = 1000
LEAST_CHARACTERS = 3
"""A shorter text has no trigram."""

_TRIED = 3
_OF_TEXT = {"": ("label", "error"), "label": ("label",), "error": ("error",)}
"""The columns that a field of text looks into."""

_FIND = {"postgresql": trigrams.find, "sqlite": full_text.find}


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
    if node.field not in _OF_TEXT:
        return 3, 0
    return 1 if any(letter.isdigit() for letter in node.value) else 2, -len(node.value)


def _of_term(connection: Connection, term: Term) -> list[int] | None:
    if term.field == "param":
        some = params_with(term).order_by(TicketParam.ticket_id.desc()).limit(MOST + 1)
        ids = connection.execute(some).scalars().all()
        return sorted(ids) if len(ids) <= MOST else None
    if term.field not in _OF_TEXT or len(term.value) < LEAST_CHARACTERS:
        return None
    find = _FIND[connection.dialect.name]
    names = [] if term.field else _names(term.value)
    found = find(connection, _OF_TEXT[term.field], term.value, names, MOST)
    return None if found is None else sorted(found)


def _names(words: str) -> list[Select[Any]]:
    """Where free text is looked for besides labels and errors."""
    ids = select(Ticket.id)
    queries = [ids.where(Ticket.token == words), ids.where(Ticket.root_id == words)]
    if words.isascii() and words.isdigit() and int(words[:20]) <= MAX_ID:
        queries.append(ids.where(Ticket.id == int(words)))
    queries.append(ids.where(Ticket.root_id.in_(roots_of_key(words))))
    return [
        *queries,
        ids.where(Ticket.view_model == words),
        ids.where(Ticket.view_model.in_(names_with(words))),
    ]
