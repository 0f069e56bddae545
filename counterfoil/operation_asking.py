"""Asking for an operation: which verb on which tickets, checked before anything is written."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from .acts import Actor, Refused
from .filters import FilterError, TicketFilter
from .tables import Operation

VERBS = ("retry", "run-now", "release", "hold", "expire", "fail", "acknowledge")
"""What may be done to many tickets at once, as a form asks for it."""

WITH_ARGUMENTS = {"move": ("queue",)}
"""What is asked for by a page of its own: verb -> the arguments that it needs."""

NARROWED_ONLY = ("expire", "fail")
MOST_IDS = 1000
_TOKEN = re.compile(r"[0-9A-Za-z_-]{16,64}")


def ask(
    connection: Connection,
    verb: str,
    by: Actor,
    submit_token: str,
    *,
    query: str | None = None,
    ids: Iterable[int] | None = None,
    arguments: dict[str, Any] | None = None,
) -> int:
    """Ask for a preview; returns the operation's id. A submit repeated with its token is one operation.

    `query` is a filter's query string, `ids` are tickets picked by hand; one of the two. `arguments`: of a
    verb that needs some. Raises Refused (argument) for a verb, filter or set that may not be.
    """
    if verb not in VERBS and WITH_ARGUMENTS.get(verb) != (*(arguments or ()),):
        raise Refused(f"there is no {verb!r} for many tickets; there are {', '.join(VERBS)}", "argument")
    if not _TOKEN.fullmatch(submit_token or ""):
        raise Refused("the form carries no submit token: load the list again and repeat", "argument")
    values: dict[str, Any] = {"verb": verb, "asked_by": by.name, "submit_token": submit_token}
    values |= {"arguments": arguments}
    values |= _picked(ids) if query is None else _filtered(verb, query)
    try:
        with connection.begin_nested():
            made = connection.execute(insert(Operation).values(values)).inserted_primary_key
    except IntegrityError:
        earlier = select(Operation.id, Operation.asked_by).where(Operation.submit_token == submit_token)
        row = connection.execute(earlier).one()
        if row.asked_by != by.name:
            raise Refused("this submit token is another person's: load the list again", "argument") from None
        return int(row.id)
    assert made is not None
    return int(made[0])


def _picked(ids: Iterable[int] | None) -> dict[str, Any]:
    picked = sorted(set(ids or ()))
    if not picked:
        raise Refused("no ticket is selected: select some, or choose all that match", "argument")
    if len(picked) > MOST_IDS:
        raise Refused(f"{len(picked)} tickets picked by hand; at most {MOST_IDS}: use a filter", "argument")
    return {"ids": picked}


def _filtered(verb: str, query: str) -> dict[str, Any]:
    try:
        wanted = TicketFilter.parse(query)
    except FilterError as error:
        raise Refused(str(error), "argument") from None
    if verb in NARROWED_ONLY and wanted.is_everything:
        raise Refused(f"{verb} on every ticket there is: choose a tab or a filter first", "argument")
    return {"query": wanted.query()}
