"""Params that a search names and no ticket can be found by: the list of nothing would look like an answer."""

from sqlalchemy import Connection

from counterfoil.filters import SearchError
from counterfoil.search.grammar import parse
from counterfoil.search.tree import terms

from .queries.words import declared, is_noted

MOST_NAMED = 20


def undeclared(connection: Connection, typed: str) -> list[str]:
    """What is said of params that are not declared searchable, in a search as it was typed.

    Raises SearchError, at the param's place, where every view model is known; where there are too many to
    tell, the caller says it beside what was found. A search without `param.` costs no statement.
    """
    asked = [term for term in terms(parse(typed)) if term.field == "param"] if typed else []
    if not asked:
        return []
    known, told = declared(connection), []
    for term in asked:
        if term.key in known.keys or is_noted(connection, term.key):
            continue
        cure = f"no view model declares {term.key!r} searchable{_named(known.keys)}"
        if known.complete:
            raise SearchError(typed, term.start, term.end, cure)
        told.append(cure)
    return told


def _named(keys: list[str]) -> str:
    if not keys:
        return ", nor any other param"
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return f"; there are {', '.join(f'param.{key}' for key in keys[:MOST_NAMED])}{more}"
