"""What a search asks of a ticket's row, as one condition; values are bound, never written into it.

A part that is null neither fulfils nor spoils: every term is false there, so that `not` means what it says.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, not_, or_, select, true

from ..keyset import MAX_ID
from ..priority import PRIORITIES
from ..staged import STAGED
from ..tables import Attempt, RootClass, TicketParam, ViewModelRecord
from ..tabs import TABS
from ..ticket import Ticket
from .fields import duration
from .folding import FoldsAll, FoldsAscii, Matches
from .tree import And, Node, Not, Or, Term

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EQUAL = {"state": Ticket.state, "queue": Ticket.queue, "view": Ticket.view_model, "kind": Ticket.error_kind}
_EQUAL_TOO = {"opened_by": Ticket.opened_by}
_CONTAINS = {"label": Ticket.root_label, "error": Ticket.error}


def condition(node: Node, now: datetime) -> ColumnElement[bool]:
    """The condition of a search; `now` is the database's time, which ages count from."""
    if isinstance(node, Not):
        return not_(condition(node.part, now))
    if isinstance(node, And | Or):
        join = and_ if isinstance(node, And) else or_
        return join(*(condition(part, now) for part in node.parts)).self_group()
    if node.field == "tab":
        return and_(true(), *TABS[node.value].conditions(now))
    if node.field == "age":
        older: ColumnElement[bool] = _OPERATORS[_TURNED[node.op]](
            Ticket.opened_at, now - duration(node.value)
        )
        return older
    return _term(node)


@lru_cache(maxsize=512)
def _term(term: Term) -> ColumnElement[bool]:
    # Kept: to say one to SQLAlchemy takes half a millisecond, and a list is asked for again and again.
    return _field(term) if term.field else _text(term.value)


def names_with(words: str) -> Any:
    """Names of known view models that bear the text."""
    return select(ViewModelRecord.name).where(like(ViewModelRecord.name, words))


def roots_of_key(words: str) -> Any:
    """The root ids that bear the text as their key, one for each known class."""
    return select(RootClass.name + literal("!" + words))


def params_with(term: Term) -> Any:
    """The ids of tickets with this searchable param."""
    return select(TicketParam.ticket_id).where(
        TicketParam.name == term.key, TicketParam.value == term.value[:PARAM_CHARACTERS]
    )


PARAM_CHARACTERS = 200
"""Of a searchable param's value, as many are looked at."""


def _text(words: str) -> ColumnElement[bool]:
    # What is likely to be true stands first: of 10,000 errors with the words each asks for nothing else.
    found: list[ColumnElement[bool]] = [
        *(_contains(column, words) for column in (Ticket.error, Ticket.root_label)),
        or_(Ticket.view_model == words, Ticket.view_model.in_(names_with(words))),
        Ticket.token == words,
        _never_null(Ticket.root_id, or_(Ticket.root_id == words, Ticket.root_id.in_(roots_of_key(words)))),
    ]
    if words.isascii() and words.isdigit() and int(words[:20]) <= MAX_ID:
        found.append(Ticket.id == int(words))
    return or_(*found).self_group()


def _field(term: Term) -> ColumnElement[bool]:
    name, value = term.field, term.value
    compare = _OPERATORS[term.op]
    found: ColumnElement[bool]
    if column := _EQUAL.get(name) or _EQUAL_TOO.get(name):
        found = _never_null(column, column == value)
    elif name in _CONTAINS:
        found = _contains(_CONTAINS[name], value)
    elif name == "root":
        whole = (
            Ticket.root_id == value
            if "!" in value
            else Ticket.root_id.startswith(value + "!", autoescape=True)
        )
        found = _never_null(Ticket.root_id, whole)
    elif name == "batch":
        found = _never_null(Ticket.batch_id, Ticket.batch_id == int(value))
    elif name == "priority":
        found = _never_null(Ticket.priority, compare(Ticket.priority, PRIORITIES[value]))
    elif name == "attempts":
        found = compare(Ticket.attempts, int(value))
    elif name == "staged":
        found = STAGED if value == "yes" else not_(STAGED)
    elif name == "kept":
        found = Ticket.kept.is_not(None) if value == "yes" else Ticket.kept.is_(None)
    elif name == "version":
        found = _has(select(Attempt.id).where(Attempt.ticket_id == Ticket.id, Attempt.app_version == value))
    else:
        found = _has(params_with(term).where(TicketParam.ticket_id == Ticket.id))
    return found


def _has(rows: Any) -> ColumnElement[bool]:
    """Whether the ticket has such a row, looked up for each: by EXISTS a plan may read the whole table."""
    return rows.limit(1).correlate(Ticket).scalar_subquery().is_not(None)  # type: ignore[no-any-return]


def _contains(column: Any, words: str) -> ColumnElement[bool]:
    return _never_null(column, like(FoldsAscii(column) if words.isascii() else column, words))


def like(column: Any, words: str) -> ColumnElement[bool]:
    """The column bears the text, whatever the case; what LIKE takes for a sign is taken as written."""
    pattern: Any = literal(pattern_of(words))
    if not words.isascii():
        column, pattern = FoldsAll(column), FoldsAll(pattern)
    return Matches(column, pattern)


def pattern_of(words: str) -> str:
    """What LIKE finds the text by, with a backslash as its escape."""
    escaped = re.sub(r"([\\%_])", r"\\\1", words)
    return f"%{escaped}%"


def _never_null(column: Any, asked: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(column.is_not(None), asked).self_group()
