"""Many tickets in one call: 100,000 in seconds, in the caller's transaction.

The ORM's unit of work looks at each object several times; here a thousand rows go out in a statement. What a
ticket's options mean, and what is refused, is the same. Roots must be saved already, and a ticket with an
idempotence token, a guard or elements is opened by `open_ticket`.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from inspect import signature
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.orm import Session, scoped_session

from .clock import later, stamp
from .options import WrongOption, columns_of
from .ringing import note_for_session
from .roots import label_of, root_id_of
from .saving import connection_of
from .ticket import Ticket

CHUNK = 1000
_ONE_BY_ONE = frozenset({"idempotence_token", "guard", "elements"})
_OPTIONS = frozenset(signature(columns_of).parameters) - {"view_model"}


def open_many(
    session: Session | scoped_session[Any],
    view_model: Any,
    tickets: Iterable[Mapping[str, Any]],
    **common: Any,
) -> int:
    """Open one ticket of the view model for each mapping of options; returns how many.

    `common` are options of all of them; a mapping's own win. `params` of both are merged. The session is
    flushed first, so that new roots have their keys. Raises what Ticket(...) raises, naming the ticket's
    place; nothing of the call is stored then once the caller rolls back.
    """
    own = session() if isinstance(session, scoped_session) else session
    own.flush()
    connection = connection_of(own)
    now = connection.execute(select(stamp())).scalar_one()
    opened, given = 0, iter(tickets)
    first: int | None = None
    last = 0
    while chunk := list(islice(given, CHUNK)):
        rows = [
            _row(view_model, {**common, **each}, common, opened + place, now)
            for place, each in enumerate(chunk)
        ]
        # Every row names the same columns: what is left out is null, and null means decide.
        names = sorted({name for row in rows for name in row})
        if "token" in names:  # encrypted params are bound to a token made here: then every row has one
            rows = [{"token": secrets.token_hex(16)} | row for row in rows]
        columns = Ticket.__table__.c
        ids = connection.execute(
            insert(Ticket.__table__).returning(columns.id),  # type: ignore[arg-type]
            [{name: row.get(name, "pending" if name == "state" else None) for name in names} for row in rows],
        ).scalars()
        made = ids.all()
        first, last = min(made) if first is None else first, max(made)
        opened += len(rows)
    if first is not None:
        _note(own, connection, first, last)
    return opened


def _row(
    view_model: Any, options: dict[str, Any], common: Mapping[str, Any], place: int, now: datetime
) -> dict[str, Any]:
    single = sorted(_ONE_BY_ONE & {name for name, value in options.items() if value})
    if single:
        raise WrongOption(f"ticket {place} of the many: {single[0]} is for open_ticket, one by one")
    if unknown := sorted(set(options) - _OPTIONS):
        raise WrongOption(
            f"ticket {place} of the many: {unknown[0]!r} is no option of a ticket; what the work is given "
            "goes into params={...}"
        )
    if common.get("params") and options.get("params") is not common["params"]:
        options["params"] = {**common["params"], **(options.get("params") or {})}
    try:
        row = columns_of(view_model=view_model, **options)
        root = options.get("root")
        if root is not None:
            row["root_id"] = root_id_of(root)
            row["root_label"] = label_of(root)
            if row["root_id"] is None:
                raise WrongOption("its root has no key: add it to the session first")
    except (TypeError, ValueError) as error:
        error.args = (f"ticket {place} of the many: {error}",)
        raise
    for name in ("execute_earliest", "expires_at"):
        if isinstance(row.get(name), later):
            row[name] = now + timedelta(seconds=row[name].seconds.value)
    return row | {"opened_via": "orm"}


def _note(session: Session, connection: Connection, first: int, last: int) -> None:
    """Have the bell rung for the queues in which these are due."""
    due = connection.execute(
        text(
            "SELECT DISTINCT queue FROM counterfoil_tickets WHERE id BETWEEN :first AND :last "
            "AND state = 'pending' AND turn AND execute_earliest IS NULL"
        ),
        {"first": first, "last": last},
    ).scalars()
    for queue in due:
        note_for_session(session, connection, queue)
